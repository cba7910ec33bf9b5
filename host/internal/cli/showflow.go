package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/pathline/pathline/host/internal/ui"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/flow"
)

// flowView is a flow file as `host show` tells it.
type flowView struct {
	File        string           `json:"file"`
	Bytes       int64            `json:"bytes"`
	Checksum    string           `json:"checksum"` // ok: a file that does not match is an error
	Parameters  int64            `json:"parameters"`
	Tensors     []tensorView     `json:"tensors"`
	Description flow.Description `json:"description"`
}

type tensorView struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

func showFlow(file string) (result, error) {
	f, err := os.Open(file)
	if err != nil {
		return result{}, pipeline.FileError(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return result{}, pipeline.FileError(err)
	}
	d, tensors, err := flow.Decode(f, st.Size())
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", file, err)
	}
	v := flowView{File: file, Bytes: st.Size(), Checksum: "ok", Tensors: []tensorView{}, Description: d}
	for _, t := range tensors {
		v.Parameters += int64(len(t.Data))
		v.Tensors = append(v.Tensors, tensorView{t.Name, t.Shape})
	}
	return result{v, v.write}, nil
}

func (v flowView) write(w io.Writer) {
	d := v.Description
	rows := [][]string{
		{"file", clean(v.File)},
		{"size", ui.Count(v.Bytes) + " bytes, checksum ok"},
		{"model", clean(d.Model.Use) + " " + compact(d.Model.With)},
	}
	if d.Discrete() {
		rows = append(rows, []string{"kind", "discrete: a bijection, with its own base and nothing to solve"})
	} else {
		rows = append(rows, []string{"path", clean(d.Path.Use) + " " + compact(d.Path.With)},
			[]string{"target", clean(d.Target)},
			[]string{"base", baseWords(d)}, []string{"pairs", clean(pairsWords(d.Pairs))})
	}
	rows = append(rows, []string{"parameters", ui.Count(v.Parameters)})
	var transforms []string
	for _, t := range d.Transforms {
		transforms = append(transforms, clean(t.Use))
	}
	if len(transforms) > 0 {
		rows = append(rows, []string{"transforms", strings.Join(transforms, ", ")})
	}
	for _, k := range sortedKeys(d.Training) {
		rows = append(rows, []string{clean(strings.ReplaceAll(k, "_", " ")), clean(fact(d.Training[k]))})
	}
	table(w, "", rows)
	fmt.Fprintf(w, "\n%s, %s of model space\n", plural(len(d.Columns), "column"), plural(d.Dim, "dimension"))
	table(w, "  ", columnRows(d.Columns))
	if len(d.Conditions) > 0 {
		fmt.Fprintf(w, "\n%s\n", plural(len(d.Conditions), "condition"))
		table(w, "  ", conditionRows(d.Conditions))
	}
	fmt.Fprintf(w, "\n%s\n", plural(len(v.Tensors), "tensor"))
	rows = nil
	for _, t := range v.Tensors {
		rows = append(rows, []string{clean(t.Name), strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Shape), " ", " x "), "[]")})
	}
	table(w, "  ", rows)
}

// fact is a fact of the training; a loss has six digits.
func fact(v any) string {
	if x, ok := v.(float64); ok && x != math.Trunc(x) {
		return strconv.FormatFloat(x, 'g', 6, 64)
	}
	return short(v)
}

// baseWords says where a flow begins.
func baseWords(d flow.Description) string {
	if d.Base == flow.BaseTable {
		return "rows of a table, which whoever samples joins as source; without a density"
	}
	return "normal, standard deviation " + number(d.BaseStd)
}

// pairsWords says what noise and data were to each other in training.
func pairsWords(pairs string) string {
	switch pairs {
	case flow.PairsIndependent:
		return "independent"
	case flow.PairsNone:
		return "none: trained by likelihood"
	}
	return pairs
}

func columnRows(columns []schemas.Column) [][]string {
	var rows [][]string
	for _, c := range columns {
		kind := c.Type
		if c.Width > 0 {
			kind = fmt.Sprintf("%s[%d]", c.Type, c.Width)
		}
		rows = append(rows, []string{clean(c.Name), clean(kind)})
	}
	return rows
}

func conditionRows(conditions condition.Columns) [][]string {
	var rows [][]string
	for _, c := range conditions {
		kind, what := c.Type, strings.Join(c.Categories, ", ")
		if c.Width > 0 {
			kind = fmt.Sprintf("%s[%d]", c.Type, c.Width)
		}
		if len(c.Mean) == 1 {
			what = "mean " + number(c.Mean[0]) + ", standard deviation " + number(c.Std[0])
		}
		rows = append(rows, []string{clean(c.Name), clean(kind), clean(c.Kind), clean(short(what))})
	}
	return rows
}

// compact is JSON in one line, without braces when it is empty.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil || b.String() == "{}" || b.String() == "null" {
		return ""
	}
	return clean(b.String())
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

const pageTemplate = "page.md.tmpl"

// Page is the page of a folder. A template can ask for
//
//	cell RESULT STAGE METRIC    a Cell: mean ± sd of a metric of results/RESULT.json
//	minus CELL                  the same of the metric times -1
//	twice CELL                  and times 2: a loss summed over two columns
//	sd CELL, se CELL, floor CELL  mean ± sd, mean ± standard error, the floor
//	mean CELL                   the mean alone
//	alike CELL CELL             the mean of the first over as many seeds as the second has
//	ratio CELL CELL             the quotient of two means
//	difference CELL CELL        the first mean without the second
//	within CELL "1.2 ± 0.3"     whether the mean lies within a published spread
//	seconds RESULT STAGE        how long the stage took, the median over the seeds
//	load RESULT                 any other JSON file of results, nil where there is none
//	spread MEAN SE              two numbers of such a file as mean ± standard error
//	bits MEAN SE COLUMNS        the same in bits per dimension, of nats of values one apart
//	above MEAN SE "2.83"        the same of what a mean lies above a known value
//	order DIFFERENCE            whether the first of a difference of compare is the greater one
//	label RESULT                n-moons, or sb-n-moons, as N→moons
//	list TEXT..., split TEXT    a list, and the parts of a text between bars
//
// What has not been run is an en dash.
func Page(folder string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(folder, pageTemplate))
	if err != nil {
		return nil, err
	}
	r := results{folder: folder, sweeps: map[string]*sweep{}}
	t, err := template.New(pageTemplate).Option("missingkey=error").Funcs(template.FuncMap{
		"cell": r.cell, "minus": minus, "sd": withSD, "se": withSE, "floor": floor, "mean": mean, "alike": alike, "twice": twice, "quotient": func(a, b float64) float64 { return a / b }, "ratio": ratio, "difference": difference, "within": within,
		"spread": spread, "bits": bits, "above": above, "order": order, "seconds": r.seconds, "load": r.load, "number": number, "label": label,
		"list":  func(v ...string) []string { return v },
		"split": func(v string) []string { return strings.Split(v, "|") },
	}).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Written by `go run ./examples/papers` from %s and results; do not edit. -->\n", pageTemplate)
	err = t.Execute(&b, nil)
	return b.Bytes(), err
}

// label says from where to where the flow of a result leads.
func label(result string) string {
	from, to, _ := strings.Cut(strings.TrimPrefix(result, "sb-"), "-")
	if from == "n" {
		from = "N"
	}
	return from + "→" + to
}

// sweep is what a page reads of seeds.json (docs/pipeline-file.md).
type sweep struct {
	Seeds []uint64
	Runs  []struct {
		Status  string
		Seconds map[string]float64
	}
	Metrics []struct {
		Stage, Metric string
		Cell
	}
}

// Cell is a metric over the seeds. N is 0 where nothing was run.
type Cell struct {
	N               int
	Mean, SD, Floor *float64
	Values          []*float64
}

// results reads the files of a folder, once.
type results struct {
	folder string
	sweeps map[string]*sweep
}

// sweep gives nil where there is no such file.
func (r *results) sweep(name string) (*sweep, error) {
	if s, ok := r.sweeps[name]; ok {
		return s, nil
	}
	s := &sweep{}
	raw, err := os.ReadFile(filepath.Join(r.folder, "results", name+".json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s = nil
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(raw, s); err != nil {
			return nil, fmt.Errorf("results/%s.json: %w", name, err)
		}
	}
	r.sweeps[name] = s
	return s, nil
}

func (r *results) cell(name, stage, metric string) (Cell, error) {
	s, err := r.sweep(name)
	if s == nil || err != nil {
		return Cell{}, err
	}
	for _, m := range s.Metrics {
		if m.Stage == stage && m.Metric == metric {
			return m.Cell, nil
		}
	}
	return Cell{}, nil
}

// seconds is a median: of a training that was interrupted the record has the last
// part only.
func (r *results) seconds(name, stage string) (string, error) {
	s, err := r.sweep(name)
	if s == nil || err != nil {
		return none, err
	}
	var took []float64
	for _, run := range s.Runs {
		if v := run.Seconds[stage]; v > 0 {
			took = append(took, v)
		}
	}
	if len(took) == 0 {
		return none, nil
	}
	slices.Sort(took)
	return number((took[(len(took)-1)/2] + took[len(took)/2]) / 2), nil
}

func (r *results) load(name string) (v any, err error) {
	raw, err := os.ReadFile(filepath.Join(r.folder, "results", name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err
}

const none = "–"

// number writes three significant digits or a few more.
func number(x float64) string {
	switch a := math.Abs(x); {
	case a >= 1000:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a != 0 && a < 1e-3:
		return strconv.FormatFloat(x, 'e', 1, 64)
	case a >= 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

func minus(c Cell) Cell {
	if c.Mean != nil {
		m := -*c.Mean
		c.Mean = &m
	}
	values := make([]*float64, len(c.Values))
	for i, v := range c.Values {
		if v != nil {
			m := -*v
			values[i] = &m
		}
	}
	c.Values = values
	return c
}

func twice(c Cell) Cell {
	double := func(v *float64) *float64 {
		if v != nil {
			w := 2 * *v
			v = &w
		}
		return v
	}
	c.Mean, c.SD, c.Floor = double(c.Mean), double(c.SD), double(c.Floor)
	return c
}

// bits takes nats of rows of values one apart to bits per dimension.
func bits(mean, se, columns float64) string {
	return spread(mean/columns/math.Ln2, se/columns/math.Ln2)
}

// withSpread writes a mean and a spread, which has as many decimals.
func withSpread(c Cell, spread float64) string {
	if c.Mean == nil {
		return none
	}
	text := number(*c.Mean)
	if math.IsNaN(spread) {
		return text + " (1 seed)"
	}
	if strings.Contains(text, "e") {
		return text + " ± " + number(spread)
	}
	decimals := 0
	if _, after, ok := strings.Cut(text, "."); ok {
		decimals = len(after)
	}
	return text + " ± " + strconv.FormatFloat(spread, 'f', decimals, 64)
}

func spread(mean, se float64) string { return withSpread(Cell{Mean: &mean}, se) }

func above(mean, se float64, known string) (string, error) {
	v, err := strconv.ParseFloat(known, 64)
	return spread(mean-v, se), err
}

// order says whether a difference, as package compare writes it, is that of a greater
// number and a smaller one.
func order(difference map[string]any) (string, error) {
	mean, ok := difference["mean"].(float64)
	se, also := difference["se"].(float64)
	switch {
	case !ok || !also:
		return "", fmt.Errorf("%v is no difference", difference)
	case math.Abs(mean) <= 2*se:
		return "within two standard errors", nil
	case mean < 0:
		return "reversed", nil
	}
	return "holds", nil
}

func withSD(c Cell) string { return withSpread(c, c.sd()) }

func withSE(c Cell) string { return withSpread(c, c.sd()/math.Sqrt(float64(c.N))) }

func (c Cell) sd() float64 {
	if c.SD == nil {
		return math.NaN()
	}
	return *c.SD
}

func floor(c Cell) string {
	if c.Floor == nil {
		return none
	}
	return number(*c.Floor)
}

func mean(c Cell) string {
	if c.Mean == nil {
		return none
	}
	return number(*c.Mean)
}

func alike(c, other Cell) string {
	if other.N == 0 || len(c.Values) < other.N {
		return none
	}
	sum := 0.0
	for _, v := range c.Values[:other.N] {
		if v == nil {
			return none
		}
		sum += *v
	}
	return number(sum / float64(other.N))
}

func difference(a, b Cell) string {
	if a.Mean == nil || b.Mean == nil {
		return none
	}
	return number(*a.Mean - *b.Mean)
}

func ratio(a, b Cell) string {
	if a.Mean == nil || b.Mean == nil {
		return none
	}
	return number(*a.Mean / *b.Mean)
}

// within says where a mean lies against a published "mean ± sd".
func within(c Cell, published string) (string, error) {
	if published == none {
		return none, nil
	}
	mean, sd, ok := strings.Cut(published, "±")
	m, errM := strconv.ParseFloat(strings.TrimSpace(mean), 64)
	s, errS := strconv.ParseFloat(strings.TrimSpace(sd), 64)
	switch {
	case !ok || errM != nil || errS != nil:
		return "", fmt.Errorf("%q is not a mean ± a spread", published)
	case c.Mean == nil:
		return none, nil
	case *c.Mean > m+s:
		return "above", nil
	case *c.Mean < m-s:
		return "below", nil
	}
	return "within", nil
}

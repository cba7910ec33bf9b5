package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pathline/pathline/schemas"
)

// result is what a command gives: value for programs, text for people.
type result struct {
	value any
	text  func(w io.Writer)
}

// document is what --json prints, and all that it prints.
type document struct {
	OK     bool        `json:"ok"`
	Result any         `json:"result,omitempty"`
	Errors []jsonError `json:"errors,omitempty"`
}

// jsonError has every key every time, so that scripts need not ask.
type jsonError struct {
	Reason     schemas.Reason `json:"reason"`
	Message    string         `json:"message"`
	File       string         `json:"file"`
	Line       int            `json:"line"`
	Column     int            `json:"column"`
	Path       string         `json:"path"`
	Suggestion string         `json:"suggestion"`
}

// print writes a result once it is complete: an error while it is made leaves
// standard output empty.
func (a *app) print(r result) error {
	var b bytes.Buffer
	if a.json {
		if err := encode(&b, document{OK: true, Result: r.value}); err != nil {
			return err
		}
	} else if r.text != nil {
		r.text(&b)
	}
	a.printed = true
	_, err := a.Stdout.Write(b.Bytes())
	return err
}

func (a *app) printErrors(errs []*schemas.Error) {
	d := document{}
	for _, e := range errs {
		d.Errors = append(d.Errors, jsonError{e.Reason, e.Message, e.File, e.Line, e.Column, e.Path, e.Suggestion})
	}
	_ = encode(a.Stdout, d)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// wantsJSON finds --json before the arguments are parsed: arguments that do not
// parse are reported as a document too.
func wantsJSON(args []string) bool {
	for _, s := range args {
		switch s {
		case "--":
			return false
		case "--json", "--json=true", "--json=1":
			return true
		}
	}
	return false
}

// table writes rows with aligned columns.
func table(w io.Writer, indent string, rows [][]string) {
	var width []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], displayWidth(c))
		}
	}
	for _, r := range rows {
		line := indent
		for i, c := range r {
			if i > 0 {
				line += "  "
			}
			line += c + strings.Repeat(" ", width[i]-displayWidth(c))
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

package conform

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Report is what came out.
type Report struct {
	Plugin  string   `json:"plugin"`
	Version string   `json:"version"`
	Kinds   []string `json:"kinds"`
	Results []Result `json:"results"`
}

func (r *Report) count(s Status) (n int) {
	for _, c := range r.Results {
		if c.Status == s {
			n++
		}
	}
	return n
}

// Passed, Failed and Skipped count results.
func (r *Report) Passed() int  { return r.count(Pass) }
func (r *Report) Failed() int  { return r.count(Fail) }
func (r *Report) Skipped() int { return r.count(Skip) }

// Conforms says whether nothing failed and something was tested.
func (r *Report) Conforms() bool { return r.Failed() == 0 && r.Passed() > 0 }

// Summary is one line: conforms: 41 of 41 (path, solver).
func (r *Report) Summary() string {
	word := "conforms"
	if !r.Conforms() {
		word = "does not conform"
	}
	s := fmt.Sprintf("%s: %d of %d", word, r.Passed(), r.Passed()+r.Failed())
	if len(r.Kinds) > 0 {
		s += " (" + strings.Join(r.Kinds, ", ") + ")"
	}
	if n := r.Skipped(); n > 0 {
		s += fmt.Sprintf(", %d skipped", n)
	}
	return s
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Time    string     `xml:"time,attr"`
	Failure *junitText `xml:"failure"`
	Skipped *junitText `xml:"skipped"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report in the XML that continuous integration reads.
func (r *Report) WriteJUnit(w io.Writer) error {
	s := junitSuite{Name: r.Plugin, Tests: len(r.Results), Failures: r.Failed(), Skipped: r.Skipped()}
	total := 0.0
	for _, c := range r.Results {
		j := junitCase{Name: c.ID, Class: c.Implementation, Time: fmt.Sprintf("%.3f", c.Seconds)}
		if j.Class == "" {
			j.Class = "plugin"
		}
		total += c.Seconds
		text := &junitText{Message: c.Sentence, Text: c.Message}
		switch c.Status {
		case Fail:
			j.Failure = text
		case Skip:
			j.Skipped = &junitText{Message: c.Message}
		}
		s.Cases = append(s.Cases, j)
	}
	s.Time = fmt.Sprintf("%.3f", total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

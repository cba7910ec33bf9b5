package report

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pathline/pathline/stages/evaluator"
)

func write(t *testing.T, r Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements reads a page strictly: every tag closed, every attribute quoted,
// which HTML does not ask for and which shows any escape that is missing.
func elements(t *testing.T, page string) (list []xml.StartElement, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	var b strings.Builder
	for {
		switch token, err := d.Token(); e := token.(type) {
		case xml.StartElement:
			list = append(list, e.Copy())
		case xml.CharData:
			b.Write(e)
		default:
			if err == io.EOF {
				return list, b.String()
			}
			if err != nil {
				line, column := d.InputPos()
				t.Fatalf("line %d, column %d: %v", line, column, err)
			}
		}
	}
}

// reports are what the laws below are checked on.
func reports() map[string]Report {
	nan, inf := math.NaN(), math.Inf(1)
	bad := []float64{nan, inf, -inf}
	odd := [][]float64{
		nil, {nan}, bad, {3}, {2, 2, 2, 2}, {0, 0}, {-1, nan, 5, inf, 7}, {math.MaxFloat64, -math.MaxFloat64, 1},
		{5e-324, 1e-300, 2e-300}, {1e300, 1.0000001e300}, {1, 1e12, 1e-9, 4, 5, 2e3},
	}
	m := map[string]Report{"full": full(), "empty": {}, "name": {Name: "n"}}
	var all Report
	for i, v := range odd {
		w := odd[(i+3)%len(odd)]
		all.Training = append(all.Training,
			Curve{"t", v, w, w, v, v, w}, Curve{"t", []float64{1, 2, 3, 4}, v, []float64{1, 2}, w, v, v})
		for _, k := range [][]int{{1, 5}, {2, 3}, {4}, {70}, {2}}[i%5] {
			s := Comparison{Stage: "s"}
			if i%2 == 1 {
				s.Shape = Shape{1, 1, k}
				if k%2 == 0 {
					s.Shape = Shape{2, k / 2, 1}
				}
			}
			for j := range k {
				s.Columns = append(s.Columns, strconv.Itoa(j))
				s.Data, s.Sample = append(s.Data, odd[(i+j)%len(odd)]), append(s.Sample, w)
			}
			all.Samples = append(all.Samples, s, Comparison{Stage: "cut", Columns: s.Columns, Data: s.Data[:k/2], Sample: s.Sample, Shape: s.Shape})
		}
		all.Likelihoods = append(all.Likelihoods, Histogram{"l", "", v, bad[i%3], 1, 0, 0, 0}, Histogram{"l", "x", v, 2, nan, 1, nan, bad[i%3]}, Histogram{"l", "x", v, 1e300, 1e-300, 0, 0, 0})
		all.Rankings = append(all.Rankings, Ranking{"r", []Score{{"a", bad[i%3], 1}, {"b", 1, bad[i%3]}, {"c", 2, nan}, {"d", 1e300, 1e-300}}}, Ranking{"x", []Score{{"e", 1, 1}, {"f", 1, 1}}}, Ranking{"one", []Score{{"g", 1, 1}}})
		tr := Trajectory{Stage: "t", T: []float64{0, 0.5, 1}}
		for k := range 3 {
			var rows [][]float64
			for j := range v {
				rows = append(rows, []float64{v[j], v[(j+k)%len(v)]})
			}
			tr.X = append(tr.X, rows)
		}
		all.Trajectories = append(all.Trajectories, tr, Trajectory{T: tr.T[:1], X: tr.X}, Trajectory{T: v, X: tr.X})
		for _, a := range v {
			for _, b := range w {
				all.Quality = append(all.Quality, QualityTable{"q", []Metric{{Name: "m", Value: a, SE: b, Floor: a}, {Name: "c2st_accuracy", Value: b, SE: a, Floor: a}}})
			}
		}
	}
	all.Trajectories = append(all.Trajectories, Trajectory{T: []float64{0, 1}, X: [][][]float64{{{1}}, {{1, 2}}}})
	all.Stages = []StageRow{{Seconds: nan}, {Seconds: inf, Rows: -5}, {Seconds: 1e300}}
	all.Duration = math.MaxInt64
	m["odd"] = all
	return m
}

var (
	numbers = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)
	drawn   = regexp.MustCompile(`^[MLhz0-9. -]*$`)
)

func TestPages(t *testing.T) {
	for name, r := range reports() {
		page := write(t, r)
		list, text := elements(t, page)
		if again := write(t, r); again != page {
			t.Errorf("%s: the same report gives other bytes", name)
		}
		if len(page) > 2<<20 && name == "full" {
			t.Errorf("%s: %d bytes", name, len(page))
		}
		for _, word := range []string{"http:", "https:", "url(", "@import", "ZgotmplZ", "<no value>", "%!"} {
			if strings.Contains(page, word) {
				t.Errorf("%s: the page holds %q", name, word)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("%s: the page shows NaN or Inf", name)
		}
		w, h := 0.0, 0.0
		for _, e := range list {
			if slices.Contains([]string{"script", "img", "link", "iframe", "image", "use", "a", "object"}, e.Name.Local) {
				t.Errorf("%s: element %s", name, e.Name.Local)
			}
			for _, a := range e.Attr {
				switch a.Name.Local {
				case "src", "href", "style":
					t.Errorf("%s: attribute %s", name, a.Name.Local)
				case "viewBox":
					f := strings.Fields(a.Value)
					w, _ = strconv.ParseFloat(f[2], 64)
					h, _ = strconv.ParseFloat(f[3], 64)
				case "d":
					if !drawn.MatchString(a.Value) && !strings.Contains(string(r.GraphSVG), a.Value) {
						t.Fatalf("%s: path %q", name, a.Value)
					}
					fallthrough
				case "cx", "cy", "x", "y", "width", "height":
					for _, n := range numbers.FindAllString(a.Value, -1) {
						if v, _ := strconv.ParseFloat(n, 64); e.Name.Local != "meta" && (v < -30 || v > max(w, h)+30) {
							t.Fatalf("%s: %s of %s lies outside of its drawing of %v by %v", name, n, e.Name.Local, w, h)
						}
					}
				}
			}
		}
	}
}

// Whatever a run calls its columns and stages is text, and all of it is there.
func TestHostileNames(t *testing.T) {
	const evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>]]>{{.}}&lt;"
	r := full()
	r.Title, r.Name, r.Config = "1"+evil, "2"+evil, "3"+evil
	r.Warnings = []string{"4" + evil}
	r.Versions = []KV{{"5" + evil, "6" + evil}}
	r.Stages = []StageRow{{"7" + evil, "8" + evil, "9" + evil, "10" + evil, "11" + evil, 1, 1, 1}}
	r.Training[0].Stage = "12" + evil
	for i := range r.Samples {
		r.Samples[i].Stage = "13" + evil
		for j := range r.Samples[i].Columns {
			r.Samples[i].Columns[j] = "14" + evil
		}
	}
	r.Likelihoods[0].Stage, r.Likelihoods[0].Split = "15"+evil, "16"+evil
	r.Rankings[0].Data = "22" + evil
	r.Trajectories[0].Stage, r.Trajectories[0].Columns = "17"+evil, []string{"18" + evil, "19" + evil}
	r.Quality[0].Stage, r.Quality[0].Metrics[0].Name = "20"+evil, "21"+evil
	list, text := elements(t, write(t, r))
	for _, e := range list {
		if e.Name.Local == "script" || e.Name.Local == "img" {
			t.Errorf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") {
				t.Errorf("attribute %s", a.Name.Local)
			}
		}
	}
	for i := 1; i <= 22; i++ {
		if !strings.Contains(text, strconv.Itoa(i)+"\"'><script>alert(1)") {
			t.Errorf("name %d is not on the page as text", i)
		}
	}
	elements(t, write(t, Report{Title: "a\x00b\x01c\xffd\uFFFE", Samples: []Comparison{{Stage: "\x02", Columns: []string{"\x03"}, Data: [][]float64{{1, 2}}, Sample: [][]float64{{1, 2}}}}}))
}

// TestRanking: the best comes first, and one model, or none with a mean, has no order.
func TestRanking(t *testing.T) {
	d, ok := drawRanking(Ranking{"data", []Score{{"worse", -3, 0.1}, {"nothing", math.NaN(), 1}, {"better", -2, 0.1}, {"one row", -2.5, 90}}})
	text := string(d.SVG)
	better, row, worse := strings.Index(text, ">better<"), strings.Index(text, ">one row<"), strings.Index(text, ">worse<")
	if !ok || !(0 <= better && better < row && row < worse) || strings.Contains(text, "nothing") {
		t.Errorf("better at %d, one row at %d, worse at %d of\n%s", better, row, worse, text)
	}
	if strings.Contains(text, "90,") || !strings.Contains(text, ">"+minus+"3.0<") { // the axis is that of the means
		t.Error("an axis of one row")
	}
	r := full()
	r.Rankings[0].Scores = []Score{{"worse", -3, 0.1}, {"better", -2, 0.1}}
	if page := write(t, r); !strings.Contains(page, "nats a row, better, the best of 2") {
		t.Error("the best is not among the figures above")
	}
	for _, scores := range [][]Score{nil, {{"a", 1, 1}}, {{"a", 1, 1}, {"b", math.Inf(-1), 1}}} {
		if _, ok := drawRanking(Ranking{"data", scores}); ok {
			t.Errorf("%v have an order", scores)
		}
	}
}

func TestEmptySectionsAreLeftOut(t *testing.T) {
	if page := write(t, Report{Title: "x"}); strings.Contains(page, "<section") || strings.Contains(page, "<dl") {
		t.Error("an empty report has a section")
	}
	heading := map[string]func(*Report){
		"Samples against data": func(r *Report) { r.Samples = nil },
		"Quality":              func(r *Report) { r.Quality = nil },
		"Training":             func(r *Report) { r.Training = nil },
		"Log-likelihood":       func(r *Report) { r.Likelihoods, r.Rankings = nil, nil },
		"Trajectories":         func(r *Report) { r.Trajectories = nil },
		"Pipeline":             func(r *Report) { r.GraphSVG, r.Stages = "", nil },
		"To run it again":      func(r *Report) { r.Versions, r.Config = nil, "" },
		"Warnings":             func(r *Report) { r.Warnings = nil },
	}
	whole := full()
	whole.Samples = whole.Samples[3:]
	page := write(t, whole)
	for h, remove := range heading {
		r := whole
		mark := "<h2>" + h + "</h2>"
		if !strings.Contains(page, mark) {
			t.Errorf("no section %q", h)
		}
		if remove(&r); strings.Contains(write(t, r), mark) {
			t.Errorf("section %q without content", h)
		}
	}
}

// The largest report that a run makes stays under 2 MB.
func TestSize(t *testing.T) {
	r := full()
	r.Samples = []Comparison{
		{Stage: "a", Columns: []string{"1", "2", "3", "4"}, Data: normalColumns(1, 20000, 4, 1), Sample: normalColumns(2, 20000, 4, 1)},
		{Stage: "b", Columns: []string{"1", "2"}, Data: plane(1, 20000, 0), Sample: plane(2, 20000, 0)},
	}
	r.Trajectories = append(r.Trajectories, r.Trajectories[0])
	if n := len(write(t, r)); n > 2<<20 {
		t.Errorf("%d bytes", n)
	}
}

// noSpace is a full disk.
type noSpace struct{}

func (noSpace) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteError(t *testing.T) {
	if err := Write(noSpace{}, full()); err != io.ErrShortWrite {
		t.Errorf("%v", err)
	}
}

// Every figure of the evaluator is explained.
func TestMeanings(t *testing.T) {
	x := normalColumns(1, 40, 2, 1)
	rows := make([]float64, 0, 80)
	for i := range 40 {
		rows = append(rows, x[0][i], x[1][i])
	}
	metrics, err := evaluator.TwoSample(context.Background(), rows, rows, 40, 40, 2, evaluator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range append(metrics, (&evaluator.Tally{}).Metrics(&evaluator.Transport{})...) {
		known[m.Name] = true
		if meanings[m.Name][1] == "" {
			t.Errorf("%s has no explanation", m.Name)
		}
	}
	if len(known) != len(meanings) {
		t.Errorf("%d metrics, %d explanations", len(known), len(meanings))
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		value, se, floor float64
		want             string
	}{
		{1, 1, 1, "like fresh data"}, {0.2, 0.1, 0.5, "like fresh data"}, {0.5, 0.1, 0.1, "close to fresh data"},
		{1, 0.1, 0.1, "differs from the data"}, {1, 0, 1, "like fresh data"}, {2, 0, 1, "differs from the data"},
		{math.NaN(), 1, 1, "not finite"}, {1, math.NaN(), 1, "no error given"},
	} {
		if got, _ := verdict(Metric{Value: c.value, SE: c.se, Floor: c.floor}); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		figure(0): "0", figure(1.23456): "1.235", figure(-12.3456): "\u221212.35", figure(123456): "123,456",
		figure(0.00012): "1.20\u00b710\u207b\u2074", figure(2.5e9): "2.50\u00b710\u2079", figure(math.NaN()): "not finite",
		count(-1234567): "\u22121,234,567", count(999): "999",
		seconds(0.03): "30 ms", seconds(4.44): "4.4 s", seconds(59.6): "60 s", seconds(125): "2 min 05 s", seconds(7322): "2 h 02 min",
		withError(-2.59612, 0.0158): "\u22122.596 \u00b1 0.016", withError(0.00041, 0.0003): "(4.1 \u00b1 3.0)\u00b710\u207b\u2074",
		withError(1234.5, 30): "1234 \u00b1 30", withError(2, math.NaN()): "2.000",
		plural(1, "row"): "1 row", plural(1500, "row"): "1,500 rows", seconds(time.Duration(math.MaxInt64).Seconds()): "2,562,047 h 47 min",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

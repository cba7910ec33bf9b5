package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
	"time"
)

// Report is a run, ready to be drawn. Slices of slices are column-major
// unless said otherwise; a few thousand rows are plenty.
type Report struct {
	Title    string // heading; Name if empty
	Name     string
	Created  time.Time
	Seed     uint64
	Duration time.Duration
	Versions []KV

	GraphSVG     template.HTML // trusted: an <svg> element
	Stages       []StageRow
	Training     []Curve
	Samples      []Comparison
	Rankings     []Ranking
	Likelihoods  []Histogram
	Trajectories []Trajectory
	Quality      []QualityTable
	Warnings     []string
	Config       string // the resolved file
}

// KV is a name and its value.
type KV struct{ Key, Value string }

// StageRow is a line of the table of stages. Zero numbers are left blank.
type StageRow struct {
	Name, Kind, Use, Status, Why string
	Rows                         int64
	Seconds                      float64
	Evaluations                  int64
}

// Curve is the training of one stage. Loss, GradNorm and LR belong to Step,
// Valid to ValidStep; any but Step and Loss may be nil.
type Curve struct {
	Stage            string
	Step, Loss       []float64
	ValidStep, Valid []float64
	GradNorm, LR     []float64
}

// Comparison is data beside a sample: [column][row]. The numbers of rows may
// differ. With a Shape of as many numbers as there are columns a row is an image.
type Comparison struct {
	Stage        string
	Columns      []string
	Data, Sample [][]float64
	Shape        Shape
}

// Histogram is the log-likelihoods of one stage and split in nats, with the
// mean over all rows and its standard error.
type Histogram struct {
	Stage, Split string
	LogProb      []float64
	Mean, SE     float64
	// Trips are the rows that were taken to the base and back, Max and RMS how far
	// from where they began they came out.
	Trips    int64
	Max, RMS float64
}

// Ranking is what several models make of the same rows, which Data says.
type Ranking struct {
	Data   string
	Scores []Score
}

// Score is the mean log-likelihood of a stage in nats and its standard error.
type Score struct {
	Stage    string
	Mean, SE float64
}

// Trajectory is rows on their way from noise (t = 0) to data (t = 1):
// X[time][row] is a place in the plane of the two Columns.
type Trajectory struct {
	Stage   string
	Columns []string
	T       []float64
	X       [][][]float64
}

// QualityTable is the figures of one evaluator.
type QualityTable struct {
	Stage   string
	Metrics []Metric
}

// Metric is a figure, its standard error, and its floor: what fresh data give.
type Metric struct {
	Name                 string
	Value, SE, Floor     float64
	DataRows, SampleRows int
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// Write draws the report. The page is complete or, with an error, w got what
// w accepted of it.
func Write(w io.Writer, r Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"count":   count,
		"figure":  figure,
		"seconds": seconds,
		"pill":    pill,
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, view(r)); err != nil {
		return err
	}
	_, err = w.Write(legible(page.Bytes()))
	return err
}

// legible replaces what no document may hold: control characters and bytes
// that are not UTF-8, which column names can have.
func legible(page []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, bytes.ToValidUTF8(page, []byte("\uFFFD")))
}

// drawing is an SVG with its heading and caption.
type drawing struct {
	Heading string
	SVG     template.HTML
	Caption string
	Wide    bool // takes the whole width and scrolls on a phone
	Tall    bool // takes two rows among small ones
}

// block is the drawings of one stage.
type block struct {
	Stage    string
	Note     string
	Drawings []drawing
}

type tile struct{ Label, Value, Note string }

type page struct {
	Report
	CSS                           template.CSS
	Heading                       string
	When, Took                    string
	Tiles                         []tile
	Training, Samples, Trajectory []block
	Ranking, Likelihood           []block
	Quality                       []qualityBlock
}

func view(r Report) page {
	p := page{Report: r, CSS: template.CSS(pageCSS), Heading: r.Title, Tiles: tiles(r)}
	if p.Heading == "" {
		p.Heading = r.Name
	}
	if !r.Created.IsZero() {
		p.When = r.Created.UTC().Format("2 January 2006, 15:04 UTC")
	}
	if r.Duration > 0 {
		p.Took = seconds(r.Duration.Seconds())
	}
	p.Training = blocks(r.Training, drawCurve)
	p.Samples = blocks(r.Samples, drawComparison)
	p.Ranking = rankingBlocks(r.Rankings)
	p.Likelihood = likelihoodBlocks(r.Likelihoods)
	p.Trajectory = blocks(r.Trajectories, drawTrajectory)
	p.Quality = qualityBlocks(r.Quality)
	return p
}

// blocks draws each item and leaves out those with nothing to see.
func blocks[T any](items []T, draw func(T) block) (out []block) {
	for _, item := range items {
		if b := draw(item); len(b.Drawings) > 0 {
			out = append(out, b)
		}
	}
	return out
}

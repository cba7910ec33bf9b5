package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/pathline/pathline/host/internal/report"
	"github.com/pathline/pathline/pipeline"
)

// reportFile is the page beside run.json.
const reportFile = "report.html"

// writeReport draws report.html of a run, also of one that failed, from what
// there is. It gives the name of the page, "" when there is nothing to show.
func (a *app) writeReport(ctx context.Context, p *pipeline.Pipeline, plugins *pluginSet, rec *pipeline.Record, warnings []string) (string, error) {
	some := false
	for _, s := range rec.Stages {
		some = some || s.Status == pipeline.StatusRan || s.Status == pipeline.StatusUpToDate
	}
	if !some {
		return "", nil
	}
	// A page is no reason to wait: what cannot be read in this time is left
	// out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	v := hostVersion()
	r := report.Report{
		Name: rec.Name, Created: rec.Started, Seed: rec.Seed, Duration: time.Duration(rec.Seconds * float64(time.Second)),
		Versions: []report.KV{{Key: "host", Value: v.Version}, {Key: "program", Value: "sha256 " + cut(rec.Host.SHA256, 16)},
			{Key: "go", Value: rec.Host.Go}, {Key: "platform", Value: rec.Host.OS + "/" + rec.Host.Arch}},
		Config: resolvedYAML(rec.File), Warnings: warnings,
	}
	for _, n := range sortedKeys(rec.Plugins) {
		r.Versions = append(r.Versions, report.KV{Key: "plugin " + n, Value: rec.Plugins[n].Version + ", sha256 " + rec.Plugins[n].SHA256[:min(12, len(rec.Plugins[n].SHA256))]})
	}
	g := drawing(p.Graph())
	for i, n := range g.Nodes {
		g.Nodes[i].Status = rec.Stages[n.Name].Status
	}
	r.GraphSVG = template.HTML(g.SVG()) // escaped by package graph
	for _, n := range rec.Order {
		s := rec.Stages[n]
		r.Stages = append(r.Stages, report.StageRow{Name: n, Kind: s.Kind, Use: s.Use, Status: s.Status, Why: s.Why, Rows: s.Rows, Seconds: s.Seconds, Evaluations: int64(s.Evaluations)})
		if s.Error != "" {
			r.Warnings = append(r.Warnings, s.Error)
		}
	}
	f := readResolved(rec.File)
	for _, s := range rec.Reports {
		for _, item := range s.Items {
			addItem(&r, s.Stage, item)
		}
	}
	for i, l := range r.Likelihoods {
		if _, split, ok := f.Stages[l.Stage].input("data"); ok && l.Split == "" {
			r.Likelihoods[i].Split = split
		}
	}
	r.Rankings = rankings(rec, f)
	r.Samples = comparisons(ctx, p, plugins, rec, f, &r.Warnings)
	var page bytes.Buffer
	if err := report.Write(&page, r); err != nil {
		return "", err
	}
	name := filepath.Join(rec.Out, reportFile)
	return name, pipeline.WriteFile(name, page.Bytes())
}

func cut(s string, n int) string { return s[:min(n, len(s))] }

// addItem takes what a stage has for the page. Items come as Go values from a
// stage that ran and as JSON from one that was up to date: both are read as
// JSON, by the names that the rooms give their fields.
func addItem(r *report.Report, stage string, item pipeline.ReportItem) {
	raw, err := json.Marshal(item.Data)
	if err != nil {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s: its %s cannot be drawn: %v", stage, item.Kind, err))
		return
	}
	switch item.Kind {
	case "training":
		var t struct {
			Points []struct {
				Step       numberOrNull  `json:"step"`
				Loss       numberOrNull  `json:"loss"`
				Validation *numberOrNull `json:"validation"`
				GradNorm   numberOrNull  `json:"gradient_norm"`
				LR         numberOrNull  `json:"learning_rate"`
			} `json:"points"`
		}
		if json.Unmarshal(raw, &t) == nil && len(t.Points) > 0 {
			c := report.Curve{Stage: stage}
			for _, p := range t.Points {
				c.Step, c.Loss = append(c.Step, float64(p.Step)), append(c.Loss, float64(p.Loss))
				c.GradNorm, c.LR = append(c.GradNorm, float64(p.GradNorm)), append(c.LR, float64(p.LR))
				if p.Validation != nil {
					c.ValidStep, c.Valid = append(c.ValidStep, float64(p.Step)), append(c.Valid, float64(*p.Validation))
				}
			}
			r.Training = append(r.Training, c)
		}
	case "likelihood":
		var s struct {
			Split  string         `json:"split"`
			Mean   numberOrNull   `json:"mean"`
			SE     numberOrNull   `json:"se"`
			Sample []numberOrNull `json:"log_prob"`
			Trip   struct {
				Rows     int64 `json:"rows"`
				Max, RMS numberOrNull
			} `json:"round_trip"`
		}
		if json.Unmarshal(raw, &s) == nil {
			r.Likelihoods = append(r.Likelihoods, report.Histogram{Stage: stage, Split: s.Split, LogProb: floats(s.Sample), Mean: float64(s.Mean), SE: float64(s.SE),
				Trips: s.Trip.Rows, Max: float64(s.Trip.Max), RMS: float64(s.Trip.RMS)})
		}
	case "trajectory":
		var t struct {
			Columns []string           `json:"columns"`
			Times   []float64          `json:"times"`
			Values  [][][]numberOrNull `json:"values"` // [row][time][dimension]
		}
		if json.Unmarshal(raw, &t) == nil && len(t.Columns) >= 2 {
			r.Trajectories = append(r.Trajectories, report.Trajectory{Stage: stage, Columns: t.Columns[:2], T: t.Times, X: byTime(t.Values, len(t.Times))})
		}
	case "quality":
		var list []struct {
			Name       string       `json:"name"`
			Value      numberOrNull `json:"value"`
			SE         numberOrNull `json:"se"`
			Floor      numberOrNull `json:"floor"`
			DataRows   int          `json:"data_rows"`
			SampleRows int          `json:"sample_rows"`
		}
		if json.Unmarshal(raw, &list) == nil {
			q := report.QualityTable{Stage: stage}
			for _, m := range list {
				q.Metrics = append(q.Metrics, report.Metric{Name: m.Name, Value: float64(m.Value), SE: float64(m.SE), Floor: float64(m.Floor), DataRows: m.DataRows, SampleRows: m.SampleRows})
			}
			r.Quality = append(r.Quality, q)
		}
	}
}

// byTime turns [row][time][dimension] into [time][row][2]; rows that do not
// reach every time are left out.
func byTime(values [][][]numberOrNull, times int) [][][]float64 {
	out := make([][][]float64, times)
	for _, row := range values {
		if len(row) < times {
			continue
		}
		for t := range times {
			p := []float64{math.NaN(), math.NaN()}
			for k := 0; k < min(2, len(row[t])); k++ {
				p[k] = float64(row[t][k])
			}
			out[t] = append(out[t], p)
		}
	}
	return out
}

// numberOrNull reads null, which JSON has instead of NaN.
type numberOrNull float64

// UnmarshalJSON takes a number or null.
func (n *numberOrNull) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = numberOrNull(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

func floats(in []numberOrNull) []float64 {
	if in == nil {
		return nil
	}
	out := make([]float64, len(in))
	for i, x := range in {
		out[i] = float64(x)
	}
	return out
}

// resolvedYAML writes the resolved file as people write one.
func resolvedYAML(file any) string {
	var b strings.Builder
	raw, err := json.Marshal(file)
	if err != nil {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return ""
	}
	writeYAML(&b, v, "")
	return b.String()
}

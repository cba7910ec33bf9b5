package report

import (
	"html/template"
	"math"
	"time"

	"github.com/pathline/pathline/stages/loader/distribution"
	"github.com/pathline/pathline/stages/random"
)

// normalColumns are k correlated columns with a lump and a skewed one.
func normalColumns(seed uint64, rows, k int, stretch float64) [][]float64 {
	out := make([][]float64, k)
	z := make([]float64, k+1)
	for i := range rows {
		random.NewKey(seed, "test", "columns").Normals64(z, uint64(i), 0)
		for j := range k {
			v := (0.8*z[0] + 0.6*z[j+1]) * stretch
			switch j % 4 {
			case 1:
				v = math.Exp(v / 2)
			case 2:
				v = 40*v + 240 + 120*math.Copysign(1, z[0])
			}
			out[j] = append(out[j], v)
		}
	}
	return out
}

func plane(seed uint64, rows int, noise float64) [][]float64 {
	d, _ := distribution.ByName("moons")
	x := make([]float64, 2*rows)
	d.Sample(x, random.NewKey(seed, "test", "moons"), 0, rows)
	z := make([]float64, 2*rows)
	random.NewKey(seed, "test", "noise").Normals64(z, 0, 0)
	out := make([][]float64, 2)
	for i := range x {
		out[i%2] = append(out[i%2], x[i]+noise*z[i])
	}
	return out
}

// full is a report with every section.
func full() Report {
	r := Report{
		Title: "Two moons", Name: "moons", Created: time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC), Seed: 7,
		Duration: 47300 * time.Millisecond,
		Versions: []KV{{"pathline", "0.1.0"}, {"Go", "go1.26"}, {"system", "linux/amd64, 2 cores"}, {"plugin sine", "0.3.1, sha256 4f1c9e"}},
		Warnings: []string{"stage scores: 3 of 10,000 rows have status max_steps"},
		GraphSVG: template.HTML(`<svg viewBox="0 0 640 90"><g fill="none" stroke="currentColor" stroke-opacity=".4"><rect x="10" y="25" width="120" height="40" rx="8"/><rect x="200" y="25" width="120" height="40" rx="8"/><rect x="390" y="25" width="120" height="40" rx="8"/><path d="M130 45H200M320 45H390"/></g><g text-anchor="middle"><text x="70" y="49">data</text><text x="260" y="49">train</text><text x="450" y="49">samples</text></g></svg>`),
		Stages: []StageRow{
			{"data", "loader", "generate", "done", "first run", 50000, 0.03, 0},
			{"scaled", "transform", "standardize", "done", "its input data ran", 50000, 0.12, 0},
			{"train", "trainer", "cfm", "done", "with.steps changed: 3000 to 5000", 40000, 38.2, 5120000},
			{"samples", "sampler", "ode", "done", "its input train ran", 100000, 4.4, 10823000},
			{"scores", "likelihood", "ode", "up to date", "", 10000, 0, 0},
		},
		Config: "version: 1\nname: moons\nseed: 7\nstages:\n  data: {kind: loader, use: generate, with: {name: moons, rows: 50000}}\n",
	}
	c := Curve{Stage: "train"}
	z := make([]float64, 5000)
	random.Key(1).Normals64(z, 0, 0)
	for i := range z {
		s := float64(i)
		c.Step = append(c.Step, s)
		c.Loss = append(c.Loss, (1.02+1.4*math.Exp(-s/180)+0.3*math.Exp(-s/1500))*math.Exp(0.07*z[i]))
		c.GradNorm = append(c.GradNorm, (0.2+3*math.Exp(-s/120))*math.Exp(0.25*z[(i*7)%5000]))
		c.LR = append(c.LR, 1e-3*min(1, s/250)*(0.51+0.49*math.Cos(math.Pi*s/5000)))
		if i%250 == 0 {
			c.ValidStep = append(c.ValidStep, s)
			c.Valid = append(c.Valid, 1.03+1.4*math.Exp(-s/180)+0.3*math.Exp(-s/1500)+0.01*z[i+1])
		}
	}
	r.Training = []Curve{c}
	names := []string{"voltage", "global_active_power", "sub_metering_3", "intensity", "reactive power", "hour", "temperature", "e", "f", "g", "h", "i"}
	r.Samples = []Comparison{
		{Stage: "samples", Columns: []string{"x", "y"}, Data: plane(1, 3000, 0), Sample: plane(2, 3000, 0.06)},
		{Stage: "power", Columns: names[:4], Data: normalColumns(1, 3000, 4, 1), Sample: normalColumns(2, 3000, 4, 0.92)},
		{Stage: "wide", Columns: names, Data: normalColumns(3, 2000, 12, 1), Sample: normalColumns(4, 2000, 12, 1.05)},
		{Stage: "single", Columns: names[:1], Data: normalColumns(5, 2000, 1, 1), Sample: normalColumns(6, 2000, 1, 1.1)},
		{Stage: "images", Columns: names, Data: normalColumns(3, 70, 12, 1), Sample: normalColumns(4, 11, 12, 1.05), Shape: Shape{2, 2, 3}},
	}
	for i := range 2000 { // whole numbers
		for _, set := range [][][]float64{r.Samples[2].Data, r.Samples[2].Sample} {
			set[7][i] = math.Round(2 * set[7][i])
			set[8][i] = math.Round(0.5 + 0.3*set[8][i])
		}
	}
	var logs []float64
	sum := 0.0
	for i := range 4000 {
		v := -1.6 - 0.5*(z[i]*z[i]+z[i+900]*z[i+900])
		logs, sum = append(logs, v), sum+v
	}
	r.Likelihoods = []Histogram{{Stage: "scores", Split: "test split", LogProb: logs, Mean: sum / 4000, SE: 0.0158, Trips: 64, Max: 3e-4, RMS: 1e-4}}
	r.Rankings = []Ranking{{Data: "data, test split", Scores: []Score{{"gaussian", -3.61, 0.02}, {"scores", sum / 4000, 0.0158}, {"planar-scores", -2.71, 1.8}}}}
	t := Trajectory{Stage: "samples", Columns: []string{"x", "y"}}
	end := plane(2, 1200, 0.05)
	for k := range 21 {
		s := float64(k) / 20
		t.T = append(t.T, s)
		var rows [][]float64
		for i := range 1200 {
			bend := 0.6 * s * (1 - s)
			rows = append(rows, []float64{
				(1-s)*z[2*i] + s*end[0][i] + bend*z[2*i+1],
				(1-s)*z[2*i+1] + s*end[1][i] - bend*z[2*i]})
		}
		t.X = append(t.X, rows)
	}
	r.Trajectories = []Trajectory{t}
	r.Quality = []QualityTable{{"quality", []Metric{
		{"sliced_wasserstein_2", 0.0612, 0.0051, 0.0214, 5000, 5000},
		{"energy_distance", 0.00041, 0.0003, 0.00012, 5000, 5000},
		{"mmd_squared", -0.00008, 0.0001, 0.00006, 5000, 5000},
		{"c2st_accuracy", 0.5121, 0.005, 0.4978, 5000, 5000},
		{"mean_difference", 0.031, 0.014, 0.012, 25000, 25000},
	}}}
	return r
}

package transform_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/transform"
)

// draws are rows of three columns: far from zero, tiny, and wide.
func draws(rows int) []float64 {
	x := make([]float64, 3*rows)
	for r := range rows {
		row := x[3*r : 3*r+3]
		random.Key(5).Normals64(row, uint64(r), 0)
		row[0], row[1], row[2] = 1e6+row[0], 1e-3*row[1]-2, 1e4*row[2]
	}
	return x
}

func fit(t *testing.T, x []float64, dim int, batch int) *transform.Standardize {
	t.Helper()
	m := transform.NewMoments(dim)
	for rows := len(x) / dim; rows > 0; {
		n := min(batch, rows)
		if err := m.Add(x, n); err != nil {
			t.Fatal(err)
		}
		x, rows = x[n*dim:], rows-n
	}
	s, _, err := m.Standardize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The moments agree with gonum's, and have the same bits for any batches.
func TestMoments(t *testing.T) {
	const rows = 3001
	x := draws(rows)
	whole := fit(t, x, 3, rows)
	state := func(s *transform.Standardize) string { b, _ := json.Marshal(s.State()); return string(b) }
	for _, batch := range []int{1, 7, 256, 1000} {
		if got := state(fit(t, x, 3, batch)); got != state(whole) {
			t.Errorf("batches of %d: %s, not %s", batch, got, state(whole))
		}
	}
	var got struct{ Mean, Sd []float64 }
	if err := json.Unmarshal([]byte(state(whole)), &got); err != nil {
		t.Fatal(err)
	}
	for c := range 3 {
		col := make([]float64, rows)
		for r := range col {
			col[r] = x[3*r+c]
		}
		mean, sd := stat.PopMeanStdDev(col, nil)
		if math.Abs(got.Mean[c]-mean) > 1e-13*math.Abs(mean)+1e-12*sd || math.Abs(got.Sd[c]-sd) > 1e-9*sd {
			t.Errorf("column %d: mean %v sd %v, want %v %v", c, got.Mean[c], got.Sd[c], mean, sd)
		}
	}
}

func TestConstantColumn(t *testing.T) {
	m := transform.NewMoments(2)
	x := make([]float64, 2*777)
	for r := range 777 {
		x[2*r], x[2*r+1] = 0.1, float64(r) // 777 times 0.1 is not a sum that rounds well
	}
	if err := m.Add(x, 777); err != nil {
		t.Fatal(err)
	}
	s, constant, err := m.Standardize()
	if err != nil || fmt.Sprint(constant) != "[0]" {
		t.Fatalf("constant columns %v, error %v", constant, err)
	}
	z := make([]float64, 2)
	if err := s.Apply(z, x, nil, transform.Address{}, 1); err != nil || z[0] != 0 {
		t.Errorf("a constant is standardised to %v, not 0", z[0])
	}
}

func TestRefused(t *testing.T) {
	reason := func(err error) schemas.Reason {
		var e *schemas.Error
		errors.As(err, &e)
		if e == nil {
			return ""
		}
		return e.Reason
	}
	if err := transform.NewMoments(2).Add([]float64{1, 2, 3, math.NaN()}, 2); reason(err) != schemas.NonFinite {
		t.Errorf("NaN: %v", err)
	}
	if _, _, err := transform.NewMoments(1).Standardize(); reason(err) != schemas.EmptyData {
		t.Errorf("no rows: %v", err)
	}
	m := transform.NewMoments(1)
	if err := m.Add([]float64{1e200, -1e200}, 2); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Standardize(); reason(err) != schemas.NonFinite {
		t.Errorf("values whose squares overflow: %v", err)
	}
	for state, want := range map[string]schemas.Reason{
		`{"mean":[0],"sd":[1]}`:         schemas.DimensionDiffer,
		`{"mean":[0,0],"sd":[1]}`:       schemas.DimensionDiffer,
		`{"mean":[0,0],"sd":[1,0]}`:     schemas.NonFinite,
		`{"mean":[0,0],"sd":[1,-2]}`:    schemas.NonFinite,
		`{"mean":"0","sd":[1,2]}`:       schemas.CorruptFile,
		`null`:                          schemas.DimensionDiffer,
		`{"mean":[0,0],"sd":[1,1e999]}`: schemas.CorruptFile,
	} {
		if _, err := transform.Restore(schemas.Transform{Use: "standardize", State: json.RawMessage(state)}, 2); reason(err) != want {
			t.Errorf("%s: %v, want %s", state, err, want)
		}
	}
	if _, err := transform.Restore(schemas.Transform{Use: "whitening"}, 2); reason(err) != schemas.UnknownUse {
		t.Errorf("unknown transform: %v", err)
	}
}

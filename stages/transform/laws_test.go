package transform_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/transform"
	"github.com/pathline/pathline/stages/transform/transformtest"
)

// mixed are rows of three columns that depend on each other.
func mixed(rows int) []float64 {
	x := make([]float64, 3*rows)
	for r := range rows {
		row := x[3*r : 3*r+3]
		random.Key(11).Normals64(row, uint64(r), 0)
		row[0], row[1], row[2] = 5+2*row[0], row[0]-0.3*row[1], 0.1*row[2]+0.4*row[1]-7
	}
	return x
}

// steps are rows of a column of multiples of 5 that begins at 2, one of
// hundredths, and one without steps.
func steps(rows int) []float64 {
	x := make([]float64, 3*rows)
	for r := range rows {
		row := x[3*r : 3*r+3]
		random.Key(12).Normals64(row, uint64(r), 0)
		row[0], row[1] = 2+5*math.Round(3*row[0]), math.Round(200*row[1])/100
	}
	return x
}

// fits are configured transforms with rows of three columns a, b and c.
var fits = map[string]struct {
	use, with string
	rows      func(int) []float64
}{
	"standardize":        {"standardize", `{}`, draws},
	"pca":                {"whiten", `{}`, mixed},
	"zca":                {"whiten", `{"root": "zca"}`, mixed},
	"cholesky":           {"whiten", `{"root": "cholesky"}`, mixed},
	"ridge":              {"whiten", `{"root": "zca", "ridge": 0.1}`, mixed},
	"logit":              {"logit", `{}`, mixed},
	"logit, given range": {"logit", `{"alpha": 0, "low": -30, "high": 60}`, mixed},
	"dequantize":         {"dequantize", `{"steps": {"b": 0.01}}`, steps},
	"nothing discrete":   {"dequantize", `{}`, mixed},
}

var abc = []schemas.Column{{Name: "a", Type: "float64"}, {Name: "b", Type: "float64"}, {Name: "c", Type: "float64"}}

// fitted runs a stage over rows and gives what the metadata of its rows says.
func fitted(t *testing.T, use, with string, columns []schemas.Column, x []float64, batches ...int64) (pipeline.Outputs, schemas.Transform, error) {
	t.Helper()
	r := pipeline.NewRegistry()
	transform.Register(r)
	impl, ok := r.Find("transform", use)
	if !ok {
		t.Fatalf("no transform %q", use)
	}
	config, err := json.Marshal(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	st, err := impl.Build(t.Context(), pipeline.Env{Stage: "s", Seed: 3}, config)
	if err != nil {
		return pipeline.Outputs{}, schemas.Transform{}, err
	}
	in := pipeline.Inputs{"data": {Rows: newTable(t, memory.DefaultAllocator, columns, x, batches...)}}
	if _, err := st.Check(t.Context(), in); err != nil {
		return pipeline.Outputs{}, schemas.Transform{}, err
	}
	out, err := st.Run(t.Context(), in)
	if err != nil {
		return out, schemas.Transform{}, err
	}
	var list []struct {
		Use         string
		With, State json.RawMessage
	}
	text, _ := out.Rows[""].Schema().Metadata().GetValue(schemas.MetaTransforms)
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	kept := schemas.Transform{Use: list[0].Use, State: list[0].State}
	if list[0].With != nil {
		kept.With = list[0].With
	}
	return out, kept, nil
}

// Every transform, fitted by its stage, obeys the laws, and is the same for any
// batches.
func TestLaws(t *testing.T) {
	for name, c := range fits {
		t.Run(name, func(t *testing.T) {
			x := c.rows(2000)
			out, kept, err := fitted(t, c.use, c.with, abc, x, 2000)
			if err != nil {
				t.Fatal(err)
			}
			f, err := transform.Restore(kept, 3)
			if err != nil {
				t.Fatal(err)
			}
			transformtest.Test(t, f, x[:60], func(raw json.RawMessage) (transform.Fitted, error) {
				return transform.Restore(schemas.Transform{Use: kept.Use, With: kept.With, State: raw}, 3)
			})
			again, other, err := fitted(t, c.use, c.with, abc, x, 7, 300)
			if err != nil || string(other.State.(json.RawMessage)) != string(kept.State.(json.RawMessage)) {
				t.Fatalf("in other batches the state is %s, not %s (%v)", other.State, kept.State, err)
			}
			a, _ := vectors(t, out.Rows[""])
			b, _ := vectors(t, again.Rows[""])
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("value %d is %v, in other batches %v", i, a[i], b[i])
				}
			}
			z := make([]float64, len(x))
			if err := f.Apply(z, x, nil, transform.Address{}, 2000); err != nil {
				t.Fatal(err)
			}
			for i := range z {
				if a[i] != float32(z[i]) {
					t.Fatalf("the stage gives %v for value %d, the transform %v", a[i], i, z[i])
				}
			}
		})
	}
}

// Whitened training rows have mean 0 and covariance I; those of zca are the
// nearest to the standardised rows that are white (Kessy et al. 2018): their
// cross-covariance with the data is symmetric.
func TestWhiten(t *testing.T) {
	const rows = 3001
	x := mixed(rows)
	for _, root := range []string{"pca", "zca", "cholesky"} {
		_, kept, err := fitted(t, "whiten", `{"root": "`+root+`"}`, abc, x, 500)
		if err != nil {
			t.Fatal(err)
		}
		f, err := transform.Restore(kept, 3)
		if err != nil {
			t.Fatal(err)
		}
		z := make([]float64, len(x))
		if err := f.Apply(z, x, nil, transform.Address{}, rows); err != nil {
			t.Fatal(err)
		}
		var cross [3][3]float64
		for i := range 3 {
			var mean float64
			for r := range rows {
				mean += z[3*r+i] / rows
			}
			if math.Abs(mean) > 1e-11 {
				t.Errorf("%s: column %d has mean %v", root, i, mean)
			}
			for j := range 3 {
				var sum float64
				for r := range rows {
					sum += z[3*r+i] * z[3*r+j] / rows
					cross[i][j] += z[3*r+i] * x[3*r+j] / rows
				}
				if want := map[bool]float64{true: 1}[i == j]; math.Abs(sum-want) > 1e-11 {
					t.Errorf("%s: covariance of %d and %d is %v", root, i, j, sum)
				}
			}
		}
		for i := range 3 {
			for j := range i {
				if lower := math.Abs(cross[i][j]) < 1e-10; root == "cholesky" && !lower {
					t.Errorf("cholesky: row %d is not independent of column %d: %v", i, j, cross[i][j])
				}
				if d := math.Abs(cross[i][j] - cross[j][i]); root == "zca" && d > 1e-10 {
					t.Errorf("zca: cross-covariance is not symmetric by %v", d)
				}
			}
		}
	}
}

// Dequantised values lie in their bin, uniformly, other draws are others, and the
// steps that were found are those of the data.
func TestDequantize(t *testing.T) {
	const rows = 4000
	x := steps(rows)
	out, kept, err := fitted(t, "dequantize", `{"steps": {"b": 0.01}}`, abc, x, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Summary["steps"].(map[string]any); len(got) != 2 || got["a"] != 5.0 || got["b"] != 0.01 {
		t.Errorf("steps %v", got)
	}
	f, err := transform.Restore(kept, 3)
	if err != nil {
		t.Fatal(err)
	}
	q := f.(transform.Discrete)
	if got, want := q.LogBin(), math.Log(5)+math.Log(0.01); math.Abs(got-want) > 1e-14 {
		t.Errorf("log bin %v, want %v", got, want)
	}
	z, other, back := make([]float64, 3*rows), make([]float64, 3*rows), make([]float64, 3*rows)
	for draw, z := range [][]float64{z, other} {
		if err := f.Apply(z, x, nil, transform.Address{Draw: uint32(draw)}, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Invert(back, z, rows); err != nil {
		t.Fatal(err)
	}
	for i, width := range []float64{5, 0.01} {
		var sum, square, both float64
		for r := range rows {
			k := 3*r + i
			if back[k] != x[k] { // to the bit: hundredths come back as they were written
				t.Fatalf("%v came back as %v", x[k], back[k])
			}
			u, v := (z[k]-x[k])/width-0.5, (other[k]-x[k])/width-0.5
			if math.Abs(u) > 0.5 {
				t.Fatalf("%v is not in the bin of %v", z[k], x[k])
			}
			sum, square, both = sum+u, square+u*u, both+u*v
		}
		// Four standard errors of the mean, of the variance 1/12 and of the covariance 0.
		if n := math.Sqrt(rows); math.Abs(sum/rows) > 4*0.2887/n || math.Abs(square/rows-1.0/12) > 4*0.0745/n || math.Abs(both/rows) > 4/12.0/n {
			t.Errorf("column %d: mean %v, square %v, with another draw %v", i, sum/rows, square/rows, both/rows)
		}
	}
	for k := 2; k < len(z); k += 3 {
		if z[k] != x[k] {
			t.Fatalf("%v of a column without steps became %v", x[k], z[k])
		}
	}
	// One draw is exchanged for another, also behind a rounding to float32.
	again := make([]float64, len(z))
	for k, v := range z {
		again[k] = float64(float32(v))
	}
	f.(transform.Redrawn).Redraw(again, transform.Address{}, 1, rows)
	for k, v := range again {
		if k%3 < 2 && v != other[k] {
			t.Fatalf("%v drawn anew is %v, with that draw %v", z[k], v, other[k])
		}
	}
}

// Noise that rounding takes out of the bin, for which the middle stands, is exchanged
// too: at 2^51 there is nothing between whole numbers but halves.
func TestRedrawFromTheMiddle(t *testing.T) {
	const rows, big = 64, 1 << 51
	f, err := transform.Restore(schemas.Transform{Use: "dequantize", State: json.RawMessage(`{"key": "5", "bins": [{"step": 1, "unit": 1, "offset": 0}]}`)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	x, z, other := make([]float64, rows), make([]float64, rows), make([]float64, rows)
	for r := range x {
		x[r] = big + float64(r)
	}
	middle := 0
	for draw, z := range [][]float64{z, other} {
		if err := f.Apply(z, x, nil, transform.Address{Draw: uint32(draw)}, rows); err != nil {
			t.Fatal(err)
		}
	}
	u := make([]float64, 1)
	for r := range x {
		if random.Key(5).Uniforms(u, uint64(r), 0); z[r] == x[r]+0.5 && u[0] > 0.75 {
			middle++
		}
	}
	if middle == 0 {
		t.Fatal("no draw was replaced by the middle")
	}
	f.(transform.Redrawn).Redraw(z, transform.Address{}, 1, rows)
	for r, v := range z {
		if v != other[r] {
			t.Errorf("row %d drawn anew is %v, with that draw %v", r, v, other[r])
		}
	}
}

// The elements of a vector column share a step, and one value alone has step 1.
func TestDequantizeVector(t *testing.T) {
	columns := []schemas.Column{{Name: "image", Type: "uint8", Width: 3}, {Name: "one", Type: "int8"}}
	out, kept, err := fitted(t, "dequantize", `{}`, columns, []float64{0, 128, 0, 7, 64, 0, 32, 7}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Summary["steps"].(map[string]any); got["image"] != 32.0 || got["one"] != 1.0 {
		t.Errorf("steps %v", got)
	}
	f, err := transform.Restore(kept, 4)
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{31.9, 32.1, 300, 7.5}
	if err := f.Invert(x, x, 1); err != nil || x[0] != 0 || x[1] != 32 || x[2] != 288 || x[3] != 7 {
		t.Errorf("%v, %v", x, err)
	}
}

// What cannot be mapped is refused with advice.
func TestTransformsRefuse(t *testing.T) {
	dependent := mixed(300)
	for r := range 300 {
		dependent[3*r+2] = dependent[3*r] - 2*dependent[3*r+1]
	}
	for name, c := range map[string]struct {
		use, with string
		x         []float64
		reason    schemas.Reason
		says      string
		at        string // below the configuration, or from.PORT
	}{
		"dependent columns": {"whiten", `{}`, dependent, schemas.OutOfRange, "is made of a, b, c", "from.data"},
		"and by cholesky":   {"whiten", `{"root": "cholesky"}`, dependent, schemas.OutOfRange, "1 of 3 directions", "from.data"},
		"no ends":           {"logit", `{"alpha": 0}`, mixed(9), schemas.OutOfRange, "alpha 0", "alpha"},
		"beyond the ends":   {"logit", `{"low": 0, "high": 1}`, mixed(9), schemas.OutOfRange, "row 0 has", "low"},
		"one end":           {"logit", `{"low": 0}`, mixed(9), schemas.MissingKey, "together", "high"},
		"ends turned":       {"logit", `{"low": 1, "high": 0}`, mixed(9), schemas.OutOfRange, "above low", "high"},
		"a wrong step":      {"dequantize", `{"steps": {"b": 0.03}}`, steps(9), schemas.OutOfRange, "multiple of 0.03", "steps"},
		"no such column":    {"dequantize", `{"steps": {"d": 0.03}}`, steps(9), schemas.UnknownColumn, `"d"`, "steps.d"},
		"a third":           {"dequantize", `{"steps": {"b": 0.3333333333333333}}`, steps(9), schemas.OutOfRange, "decimal", "steps.b"},
		"whiten overflow":   {"whiten", `{}`, []float64{1e200, 0, 1, -1e200, 1, 0}, schemas.NonFinite, "too large", ""},
	} {
		_, _, err := fitted(t, c.use, c.with, abc, c.x, 100)
		list := schemas.Errors(err, "none")
		if len(list) == 0 || list[0].Reason != c.reason || list[0].Path != c.at || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error at %q", name, err, c.at)
		}
	}
	if _, _, err := fitted(t, "whiten", `{"ridge": 1e-3}`, abc, dependent, 100); err != nil {
		t.Errorf("dependent columns with a ridge: %v", err)
	}
	_, kept, err := fitted(t, "dequantize", `{"steps": {"b": 0.01}}`, abc, steps(9), 9)
	if err != nil {
		t.Fatal(err)
	}
	f, err := transform.Restore(kept, 3)
	if err != nil {
		t.Fatal(err)
	}
	x := steps(3)
	x[6] += 1
	if err := f.(transform.Discrete).OnLattice(x, transform.Address{First: 40}, 3); err == nil || !strings.Contains(err.Error(), "row 42") {
		t.Errorf("a value in a gap: %v", err)
	}
}

// States from outside are not trusted.
func TestStatesRefused(t *testing.T) {
	for use, states := range map[string][]string{
		"whiten": {`null`, `{"root":"pca","mean":[0],"scale":[1],"matrix":"AAAAAAAA8D8="}`, `{"root":"pca","mean":[0,0],"scale":[1,1],"matrix":"AAAA"}`,
			`{"root":"lu","mean":[0,0],"scale":[1,1],"matrix":"AAAAAAAA8D8AAAAAAADwPwAAAAAAAPA/AAAAAAAA8D8="}`,
			`{"root":"pca","mean":[0,0],"scale":[1,0],"matrix":"AAAAAAAA8D8AAAAAAADwPwAAAAAAAPA/AAAAAAAA8D8="}`,
			`{"root":"cholesky","mean":[0,0],"matrix":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`},
		"logit": {`null`, `{"alpha":0.1,"low":[0],"high":[1]}`, `{"alpha":0.5,"low":[0,0],"high":[1,1]}`, `{"alpha":0.1,"low":[0,1],"high":[1,1]}`},
		"dequantize": {`null`, `{"key":"x","bins":[{"step":1,"unit":1},{"step":0}]}`, `{"key":"1","bins":[{"step":1,"unit":1}]}`,
			`{"key":"1","bins":[{"step":1,"unit":0},{"step":0}]}`, `{"key":"1","bins":[{"step":-1,"unit":1},{"step":0}]}`, `{"key":"1","bins":[{"step":0.5,"unit":1},{"step":0}]}`},
	} {
		for _, s := range states {
			if _, err := transform.Restore(schemas.Transform{Use: use, State: json.RawMessage(s)}, 2); err == nil {
				t.Errorf("%s: %s was taken", use, s)
			}
		}
	}
}

// What is asked of a name while a pipeline is checked is what the fitted transform is.
func TestIsDiscrete(t *testing.T) {
	for name, c := range fits {
		_, kept, err := fitted(t, c.use, c.with, abc, c.rows(500), 100)
		if err != nil {
			t.Fatal(err)
		}
		f, err := transform.Restore(kept, 3)
		if err != nil {
			t.Fatal(err)
		}
		if _, is := f.(transform.Discrete); is != transform.IsDiscrete(c.use) {
			t.Errorf("%s: discrete %v, and by its name %v", name, is, transform.IsDiscrete(c.use))
		}
	}
}

package plugins

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// spin is dx/dt = (-y, x) t with the integral of |x|² and the row's number.
type spin struct{}

func (spin) Eval(_ context.Context, dx []float64, t []float64, x []float64, rows int) error {
	for r := range rows {
		dx[2*r], dx[2*r+1] = -x[2*r+1]*t[r], x[2*r]*t[r]
	}
	return nil
}

func (s spin) EvalQuad(ctx context.Context, dx []float64, dq []float64, t []float64, x []float64, id []int64, rows int) error {
	for r := range rows {
		dq[r] = x[2*r]*x[2*r] + x[2*r+1]*x[2*r+1] + float64(id[r])
	}
	return s.Eval(ctx, dx, t, x, rows)
}

func state(rows int) solver.State[float64] {
	s := solver.State[float64]{X: make([]float64, 2*rows), Q: make([]float64, rows), Rows: rows, Dim: 2, Quads: 1, FirstID: 5}
	for i := range s.X {
		s.X[i] = float64(i%17) - 3
	}
	return s
}

// A solver that asks for evaluations gives the bits of the same solver here.
func TestSolverWithCallbacks(t *testing.T) {
	r, _ := own(t, io.Discard, Plugin{})
	s := run(t, build(t, r, "solver", "mine/own-midpoint", "{}"), nil).Service.(solver.Solver)
	if _, ok := s.(*solver.Method); ok {
		t.Fatal("the solver runs here, and the test tests nothing")
	}
	local := &solver.Method{Tableau: solver.Midpoint(), Options: solver.Options{Steps: 10}}
	a, b := state(33), state(33)
	ra, err := local.Solve64(t.Context(), spin{}, a, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	rb, err := s.Solve64(t.Context(), spin{}, b, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(ra, rb) {
		t.Error("the solver gives other numbers from another process")
	}
}

func TestSolverThatIsATableauRunsHere(t *testing.T) {
	r, _ := own(t, io.Discard, Plugin{})
	s := run(t, build(t, r, "solver", "mine/own-tableau", "{}"), nil).Service
	if m, ok := s.(*solver.Method); !ok || !reflect.DeepEqual(m.Tableau, solver.Heun()) {
		t.Errorf("it is %T", s)
	}
}

func TestAdd(t *testing.T) {
	r, h := own(t, io.Discard, Plugin{})
	impl, ok := r.Find("path", "mine/power")
	if !ok || impl.Doc != "a path" || impl.Config.Field("power") == nil {
		t.Fatalf("the implementation came as %+v", impl)
	}
	d, err := h.Describe(t.Context(), "mine", Plugin{})
	if err != nil || d.Name != "own" || d.Version != "1" {
		t.Fatal(d, err)
	}
	p := run(t, build(t, r, "path", "mine/power", `{"power":3}`), nil).Service.(path.Described)
	if p.Use != "mine/power" || string(p.Config) != `{"power":3}` {
		t.Errorf("the path calls itself %s %s", p.Use, p.Config)
	}
	c := make([]path.Coef, 5)
	if err := p.Coefficients(c, times(5)); err != nil {
		t.Fatal(err)
	}
	// Many times travel in pieces: 15 MB come back.
	many := make([]path.Coef, 300_000)
	if err := p.Coefficients(many, times(len(many))); err != nil || many[150_000].Alpha != times(len(many))[150_000] {
		t.Errorf("of many times: %v, %+v", err, many[150_000])
	}
	if c[2] != (path.Coef{Alpha: 0.5, Sigma: 0.5, DAlpha: 1, DSigma: -3}) {
		t.Errorf("coefficients are %+v", c[2])
	}
}

func TestAttached(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s")
	if len(name) > 100 {
		name = "localhost:0"
		l, err := net.Listen("tcp", name)
		if err != nil {
			t.Skip(err)
		}
		name = l.Addr().String()
		l.Close()
	} else {
		name = "unix://" + name
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- listen(ctx, &service{registry: ownRegistry(), name: "own", version: "1", log: zerolog.Nop()}, name)
	}()
	defer func() {
		stop()
		<-served
	}()
	h := newHost(t, io.Discard)
	r := NewRegistry()
	network, place := "tcp", name
	if socket, ok := strings.CutPrefix(name, "unix://"); ok {
		network, place = "unix", socket
	}
	for { // until it listens
		c, err := net.Dial(network, place)
		if err == nil {
			c.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := h.Add(t.Context(), r, "mine", Plugin{Address: name}); err != nil {
		t.Fatal(err)
	}
	if err := ask(t, r, "mine/power"); err != nil {
		t.Error(err)
	}
	h.Close()
}

func TestNobodyAtTheAddress(t *testing.T) {
	h := newHost(t, io.Discard)
	err := h.Add(t.Context(), NewRegistry(), "mine", Plugin{Address: "unix:///nowhere/at/all.sock"})
	reason(t, err, schemas.PluginStart, `"mine"`, "unix:///nowhere/at/all.sock", "serve --address")
}

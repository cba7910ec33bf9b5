package plugins

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// The test binary is its own plugin: started with the argument test-plugin it
// serves, in the manner that the next argument names.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "test-plugin" {
		manner := os.Args[2]
		if len(os.Args) > 3 && os.Args[3] == "serve" { // at an address
			os.Args = append(os.Args[:1:1], os.Args[3:]...)
		}
		servePlugin(manner)
		return
	}
	// Also small payloads go through shared memory, and whoever reads them longer
	// than it may is found out.
	os.Setenv(wire.SharedMemory, "test")
	goleak.VerifyTestMain(m)
}

func command(manner string) []string { return []string{os.Args[0], "test-plugin", manner} }

// manners are those that not every system has.
var manners = map[string]func(){}

// killSelf ends this process as nothing that it does itself would.
var killSelf = func() { os.Exit(137) }

func servePlugin(manner string) {
	if serve := manners[manner]; serve != nil {
		serve()
		return
	}
	switch manner {
	case "builtin":
		Serve(stages.Builtin(), "pathline", "test")
	case "noise":
		fmt.Println("hello from an init function")
		Serve(ownRegistry(), "own", "1")
	case "silent":
		time.Sleep(time.Hour)
	case "babble":
		fmt.Print(strings.Repeat("y", 1<<20))
		time.Sleep(time.Hour)
	case "certificate": // go-plugin has no place to put it
		fmt.Printf("1|1|tcp|localhost:1|grpc|%s\n", certificate())
		time.Sleep(time.Hour)
	case "exits":
		fmt.Fprintln(os.Stderr, "cannot find my device")
		os.Exit(3)
	case "host": // a host that only starts a plugin and waits
		h := NewHost(zerolog.Nop())
		if err := h.Add(context.Background(), NewRegistry(), "mine", Plugin{Command: command(os.Args[3])}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(h.running["mine"].plugin.Pid())
		time.Sleep(time.Minute)
	case "deaf": // one that does not notice the end of its standard input
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		os.Stdin = r
		Serve(ownRegistry(), "own", "1")
		w.Close() // until then the collector must not close it
	case "own":
		Serve(ownRegistry(), "own", "1")
	case "mended": // what misbehaves in the others behaves
		r := NewRegistry()
		for _, what := range []string{"hangs", "dies", "kills"} {
			pipeline.Register(r, "path", what, "mended", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
				return serviceOf(power{1}), nil
			})
		}
		Serve(r, "own", "2")
	case "third":
		Serve(thirdRegistry(), "third", "1")
	default:
		if kind, ok := strings.CutPrefix(manner, "only-"); ok {
			Serve(onlyRegistry(kind), kind, "1")
		}
	}
}

type ownConfig struct {
	Power float64 `yaml:"power" json:"power" doc:"exponent" above:"0"`
}

// power is a path that is not built in.
type power struct{ n float64 }

func (p power) Domain() (lo, hi float64) { return 0, 1 }

func (p power) Coefficients(c []path.Coef, t []float64) error {
	for i, t := range t {
		c[i] = path.Coef{Alpha: t, Sigma: 1 - t, DAlpha: 1, DSigma: -1 * p.n}
	}
	return nil
}

// misbehaving is a path that does what its name says when it is asked.
type misbehaving struct{ what string }

func (misbehaving) Domain() (lo, hi float64) { return 0, 1 }

func (m misbehaving) Coefficients(c []path.Coef, t []float64) error {
	switch m.what {
	case "hangs":
		fmt.Fprintln(os.Stderr, "asked")
		time.Sleep(time.Hour)
	case "panics":
		panic("a mistake of the author")
	case "dies":
		go panic("in another goroutine")
		time.Sleep(time.Hour)
	case "kills":
		fmt.Fprintln(os.Stderr, "no way out")
		killSelf()
	case "poisoned":
		if len(t) > 0 && t[0] == 0.625 {
			os.Exit(3)
		}
		return power{1}.Coefficients(c, t)
	case "talks":
		fmt.Fprintln(os.Stderr, `{"@message":5,"@level":null}`)
		fmt.Fprintln(os.Stderr, `{"@message":"hc","@level":"warn","@module":"x","n":1}`)
		fmt.Fprintln(os.Stderr, `{"level":"error","message":"zl","stage":"s"}`)
		fmt.Fprintln(os.Stderr, strings.Repeat("x", 3<<20))
		fmt.Fprintln(os.Stderr, "\x00\xff{\"")
		fmt.Println("on standard output")
		fmt.Print(strings.Repeat("y", 1<<20)) // no end of line
	case "floods":
		os.Stderr.WriteString(strings.Repeat(floodLine+"\n", floodLines))
	case "fails":
		return errors.New("out of paint")
	case "lies":
		for i := range c {
			c[i].Alpha = 1 / zero
		}
	}
	return nil
}

const (
	floodLine  = "flood"
	floodLines = 100_000
)

// certificate is one that signs itself, as go-plugin takes them.
func certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(raw)
}

var zero float64

// midpoint is a solver that is no Runge-Kutta tableau to the host: it asks for
// evaluations.
type midpoint struct{ *solver.Method }

// mortal is a path that dies when it is first asked.
type mortal struct{ power }

func (m mortal) Coefficients(c []path.Coef, t []float64) error {
	if _, err := os.Stat(os.Getenv("MARK")); err != nil {
		if err := os.WriteFile(os.Getenv("MARK"), nil, 0o600); err != nil {
			return err
		}
		os.Exit(3)
	}
	return m.power.Coefficients(c, t)
}

// late is a solver that dies after eleven evaluations, where the field has led
// it.
type late struct{}

func (late) Solve32(context.Context, solver.Field[float32], solver.State[float32], float64, float64) (solver.Report, error) {
	return solver.Report{}, errors.New("float32 is not to be had")
}

func (late) Solve64(ctx context.Context, f solver.Field[float64], s solver.State[float64], t0, t1 float64) (solver.Report, error) {
	dx, t := make([]float64, len(s.X)), make([]float64, s.Rows)
	for n := range 11 {
		for r := range t {
			t[r] = float64(n) / 11
		}
		if err := f.Eval(ctx, dx, t, s.X, s.Rows); err != nil {
			return solver.Report{}, err
		}
		for i := range dx {
			s.X[i] += dx[i] / 11
		}
	}
	fmt.Fprintf(os.Stderr, "after 11 evaluations at %v\n", s.X)
	os.Exit(3)
	return solver.Report{}, nil
}

func ownRegistry() *pipeline.Registry {
	r := NewRegistry()
	pipeline.Register(r, "path", "power", "a path", ownConfig{2}, func(_ context.Context, _ pipeline.Env, c ownConfig) (pipeline.Stage, error) {
		return serviceOf(power{c.Power}), nil
	})
	pipeline.Register(r, "path", "straight", "straight lines", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return serviceOf(power{1}), nil
	})
	for _, what := range []string{"hangs", "panics", "dies", "talks", "floods", "fails", "lies", "kills", "poisoned"} {
		i := pipeline.Register(r, "path", what, "a path that "+what, struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return serviceOf(misbehaving{what}), nil
		})
		i.Stateless = what == "poisoned"
	}
	pipeline.Register(r, "path", "dies-once", "a path that dies while $MARK does not exist", ownConfig{2}, func(_ context.Context, _ pipeline.Env, c ownConfig) (pipeline.Stage, error) {
		return serviceOf(mortal{power{c.Power}}), nil
	}).Stateless = true
	pipeline.Register(r, "solver", "dies-late", "a solver that dies after a few evaluations", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return serviceOf(late{}), nil
	})
	pipeline.Register(r, "solver", "own-midpoint", "the midpoint rule", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return serviceOf(midpoint{&solver.Method{Tableau: solver.Midpoint(), Options: solver.Options{Steps: 10, Workers: 2, Tile: 4}}}), nil
	})
	pipeline.Register(r, "solver", "own-tableau", "Heun's method", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return serviceOf(&solver.Method{Tableau: solver.Heun(), Options: solver.Options{Steps: 10}}), nil
	})
	return r
}

func serviceOf(v any) pipeline.Stage {
	return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return v, nil })
}

// build makes a stage of a registry.
func build(t testing.TB, r *pipeline.Registry, kind, use, config string) pipeline.Stage {
	t.Helper()
	impl, ok := r.Find(kind, use)
	if !ok {
		t.Fatalf("there is no %s %q", kind, use)
	}
	env := pipeline.Env{Stage: "the-" + kind, Seed: 11, Dir: t.TempDir(), Threads: 2, Memory: 1 << 28, Log: zerolog.Nop(), Config: json.RawMessage(config)}
	s, err := impl.Build(t.Context(), env, json.RawMessage(config))
	if err != nil {
		t.Fatalf("%s/%s: %v", kind, use, err)
	}
	return s
}

// run gives the outputs of a stage.
func run(t testing.TB, s pipeline.Stage, in pipeline.Inputs) pipeline.Outputs {
	t.Helper()
	if _, err := s.Check(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	out, err := s.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// newHost is a host that is closed when the test ends, and must leave nothing.
func newHost(t testing.TB, log io.Writer) *Host {
	h := NewHost(zerolog.New(log))
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

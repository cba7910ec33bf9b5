package solver_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// rhs is a right-hand side of one row.
type rhs func(dx []float64, t float64, x []float64)

func (f rhs) Eval(_ context.Context, dx []float64, t []float64, x []float64, rows int) error {
	d := len(x) / rows
	for r := range rows {
		f(dx[r*d:(r+1)*d], t[r], x[r*d:(r+1)*d])
	}
	return nil
}

func kepler(dx []float64, _ float64, x []float64) {
	r := math.Hypot(x[0], x[1])
	dx[0], dx[1], dx[2], dx[3] = x[2], x[3], -x[0]/(r*r*r), -x[1]/(r*r*r)
}

func orbit(e float64) []float64 { return []float64{1 - e, 0, 0, math.Sqrt((1 + e) / (1 - e))} }

// chain is tridiag(1, -2, 1), 51 wide, and chained its closed form at t = 20.
func chain(dx []float64, _ float64, x []float64) {
	for i := range x {
		dx[i] = -2 * x[i]
		if i > 0 {
			dx[i] += x[i-1]
		}
		if i+1 < len(x) {
			dx[i] += x[i+1]
		}
	}
}

func chained() []float64 {
	want := make([]float64, 51)
	for j := range want {
		for k := 1; k <= 51; k++ {
			a := float64(k) * math.Pi / 52
			want[j] += 2.0 / 52 * math.Sin(a) * math.Sin(float64(j+1)*a) * math.Exp((2*math.Cos(a)-2)*20)
		}
	}
	return want
}

// outer are places and velocities of the five outer planets, planets their motion
// around a sun that is not held (with the slip of torchdiffeq's copy put right).
var outer = []float64{
	3.42947415189, 3.35386959711, 1.35494901715, 6.64145542550, 5.97156957878, 2.18231499728, 11.2630437207, 14.6952576794,
	6.27960525067, -30.1552268759, 1.65699966404, 1.43785752721, -21.1238353380, 28.4465098142, 15.3882659679,
	-.557160570446, .505696783289, .230578543901, -.415570776342, .365682722812, .169143213293, -.325325669158, .189706021964,
	.0877265322780, -.0240476254170, -.287659532608, -.117219543175, -.176860753121, -.216393453025, -.0148647893090,
}

func planets(dx []float64, _ float64, x []float64) {
	const k2, sun = 2.95912208286, 1.00000597682
	mass := [5]float64{.000954786104043, .000285583733151, .0000437273164546, .0000517759138449, .00000277777777778}
	cube := func(a, b []float64) float64 {
		s := 0.0
		for i := range 3 {
			d := a[i]
			if b != nil {
				d -= b[i]
			}
			s += d * d
		}
		return s * math.Sqrt(s)
	}
	copy(dx, x[15:])
	for j := range 5 {
		y := x[3*j : 3*j+3]
		for i := range 3 {
			dx[15+3*j+i] = -(sun + mass[j]) * y[i] / cube(y, nil)
		}
		for k := range 5 {
			if k == j {
				continue
			}
			z := x[3*k : 3*k+3]
			for i := range 3 {
				dx[15+3*j+i] += mass[k] * ((z[i]-y[i])/cube(z, y) - z[i]/cube(z, nil))
			}
		}
		for i := range 3 {
			dx[15+3*j+i] *= k2
		}
	}
}

// detest are the problems of Hull, Enright, Fellen, Sedgwick 1972, from t = 0 to 20,
// with ends computed by extrapolation in 36 digits.
var detest = []struct {
	name    string
	f       rhs
	x, want []float64
}{
	{"A1", func(dx []float64, _ float64, x []float64) { dx[0] = -x[0] }, []float64{1}, []float64{2.0611536224385578e-9}},
	{"A2", func(dx []float64, _ float64, x []float64) { dx[0] = -x[0] * x[0] * x[0] / 2 }, []float64{1}, []float64{1 / math.Sqrt(21)}},
	{"A3", func(dx []float64, t float64, x []float64) { dx[0] = x[0] * math.Cos(t) }, []float64{1}, []float64{math.Exp(math.Sin(20))}},
	{"A4", func(dx []float64, _ float64, x []float64) { dx[0] = x[0] / 4 * (1 - x[0]/20) }, []float64{1}, []float64{20 / (1 + 19*math.Exp(-5))}},
	{"A5", func(dx []float64, t float64, x []float64) { dx[0] = (x[0] - t) / (x[0] + t) }, []float64{4}, []float64{-0.7887826688964014237}},
	{"B1", func(dx []float64, _ float64, x []float64) {
		dx[0], dx[1] = 2*(x[0]-x[0]*x[1]), -(x[1] - x[0]*x[1])
	}, []float64{1, 3}, []float64{0.67618760085766066073, 0.18608160996402298008}},
	{"B2", func(dx []float64, _ float64, x []float64) {
		dx[0], dx[1], dx[2] = -x[0]+x[1], x[0]-2*x[1]+x[2], x[1]-x[2]
	}, []float64{2, 0, 1}, []float64{1.0000000010305768112, 1, 0.99999999896942318878}},
	{"B3", func(dx []float64, _ float64, x []float64) {
		dx[0], dx[1], dx[2] = -x[0], x[0]-x[1]*x[1], x[1]*x[1]
	}, []float64{1, 0, 0}, []float64{2.061153622438557828e-9, 0.052572280220485125289, 0.94742771771836125227}},
	{"B4", func(dx []float64, _ float64, x []float64) {
		r := math.Hypot(x[0], x[1])
		dx[0], dx[1], dx[2] = -x[1]-x[0]*x[2]/r, x[0]-x[1]*x[2]/r, x[0]/r
	}, []float64{3, 0, 0}, []float64{0.98269509280065304993, 2.1984470816949297022, 0.91294525072762765438}},
	{"B5", func(dx []float64, _ float64, x []float64) {
		dx[0], dx[1], dx[2] = x[1]*x[2], -x[0]*x[2], -.51*x[0]*x[1]
	}, []float64{0, 1, 1}, []float64{-0.93965707987292039620, -0.34211777540007490653, 0.74141265961999530080}},
	{"C1", func(dx []float64, _ float64, x []float64) {
		dx[0] = -x[0]
		for i := 1; i < 9; i++ {
			dx[i] = x[i-1] - x[i]
		}
		dx[9] = x[8]
	}, []float64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []float64{2.0611536224385578e-9, 4.1223072448771157e-8, 8: 0.0013086689666276557638, 9: 0.99791274095086498}},
	{"C2", func(dx []float64, _ float64, x []float64) {
		for i := range 10 {
			dx[i] = 0
			if i > 0 {
				dx[i] += float64(i) * x[i-1]
			}
			if i < 9 {
				dx[i] -= float64(i+1) * x[i]
			}
		}
	}, []float64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []float64{2.0611536224385578e-9, 8: 2.0611535884517240e-9, 9: 0.99999998144961755}},
	{"C4", chain, append([]float64{1}, make([]float64, 50)...), chained()},
	{"C5", planets, slices.Clone(outer), []float64{-4.7927302243236349, -2.4205507254490221, -0.92125093060151187, -4.2173104040352134, 7.3562029474989700, 3.2237859854212118,
		4.0355594432622706, 17.198655286695549, 7.4789107942337028, -29.987593263248442, -4.1073109375509296, -0.92770083217544083,
		-24.421253025184828, 23.814590457465545, 14.920963069513588}},
	{"C3", func(dx []float64, _ float64, x []float64) {
		for i := range x {
			dx[i] = -2 * x[i]
			if i > 0 {
				dx[i] += x[i-1]
			}
			if i < 9 {
				dx[i] += x[i+1]
			}
		}
	}, []float64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []float64{.0029481192110226994, .0056353801548452959, .0078290725159270383, .0093482579085955971,
		.0100794361030198048, .0099826741714294890, .0090886933327653319, .0074891151951850850, .0053229641309526756, .0027624343790295144}},
	{"D1", kepler, orbit(.1), []float64{.21988353520083966129, .94270768463418130852, -.97876598410581765146, .32879779909620363}},
	{"D2", kepler, orbit(.3), []float64{-.17770273571404116933, .94677847199058925804, -1.0302941631929695740, .12110744900539521634}},
	{"D3", kepler, orbit(.5), []float64{-.57804329530353612328, .86338400091941928013, -.95950837303807273563, -.065049151267120901677}},
	{"D4", kepler, orbit(.7), []float64{-.95389902934163943974, .69074090242194315170, -.82126742708774330945, -.15395742591258247080}},
	{"D5", kepler, orbit(.9), []float64{-1.2952662509875743677, .40039389637923215273, -.67753909247075658875, -.12708381542786861877}},
	{"E1", func(dx []float64, t float64, x []float64) {
		dx[0], dx[1] = x[1], -(x[1]/(t+1) + (1-.25/((t+1)*(t+1)))*x[0])
	}, []float64{.6713967071418030, .09540051444747446}, []float64{.14567236007282455250, -.098835001955745781084}},
	{"E2", func(dx []float64, _ float64, x []float64) { dx[0], dx[1] = x[1], (1-x[0]*x[0])*x[1]-x[0] },
		[]float64{2, 0}, []float64{2.0081497621749485920, -.042508875273202146986}},
	{"E3", func(dx []float64, t float64, x []float64) {
		dx[0], dx[1] = x[1], x[0]*x[0]*x[0]/6-x[0]+2*math.Sin(2.78535*t)
	}, []float64{0, 0}, []float64{-.10041788586472407104, .24114001320959555824}},
	{"E4", func(dx []float64, _ float64, x []float64) { dx[0], dx[1] = x[1], .32-.4*x[1]*x[1] },
		[]float64{30, 0}, []float64{46.155677392030827191, .89442610092077763847}},
	{"E5", func(dx []float64, t float64, x []float64) { dx[0], dx[1] = x[1], math.Sqrt(1+x[1]*x[1])/(25-t) },
		[]float64{0, 0}, []float64{14.117973905426254683, 2.4}},
}

func TestDetest(t *testing.T) {
	for _, b := range []solver.Tableau{solver.Bosh3(), solver.Dopri5(), solver.Tsit5(), solver.Dop853()} {
		for _, c := range detest {
			tol, within := 1e-9, 1e-6
			if b.Order < 5 { // of too many steps at 1e-9
				tol, within = 1e-6, 1e-3
			}
			x := append([]float64(nil), c.x...)
			m := &solver.Method{Tableau: b, Options: solver.Options{Rtol: tol, Atol: tol, Workers: 1}}
			report, err := m.Solve64(t.Context(), c.f, solver.State[float64]{X: x, Rows: 1, Dim: len(x)}, 0, 20)
			if err != nil || report.Status[0] != solver.OK {
				t.Errorf("%s %s: %v, %v", b.Name, c.name, report.Status, err)
			}
			for i, want := range c.want {
				size := 1.0
				if c.name == "C5" { // relative
					size = max(1, math.Abs(want))
				}
				if want != 0 && !(math.Abs(x[i]-want) < within*size) {
					t.Errorf("%s %s: y%d = %.12g, want %.12g", b.Name, c.name, i+1, x[i], want)
				}
			}
		}
	}
}

func TestArenstorf(t *testing.T) {
	const mu = 0.012277471
	f := rhs(func(dx []float64, _ float64, x []float64) {
		d1 := math.Pow((x[0]+mu)*(x[0]+mu)+x[1]*x[1], 1.5)
		d2 := math.Pow((x[0]-1+mu)*(x[0]-1+mu)+x[1]*x[1], 1.5)
		dx[0], dx[1] = x[2], x[3]
		dx[2] = x[0] + 2*x[3] - (1-mu)*(x[0]+mu)/d1 - mu*(x[0]-1+mu)/d2
		dx[3] = x[1] - 2*x[2] - (1-mu)*x[1]/d1 - mu*x[1]/d2
	})
	x0 := []float64{0.994, 0, 0, -2.00158510637908252240537862224}
	for _, b := range []solver.Tableau{solver.Dopri5(), solver.Tsit5(), solver.Dop853()} {
		m := &solver.Method{Tableau: b, Options: solver.Options{Rtol: 1e-10, Atol: 1e-10, Workers: 1}}
		x := append([]float64(nil), x0...)
		check := func(i int, at float64, x []float64) error {
			want, tol := x0[:2], 1e-3
			if i == 1 {
				want, tol = []float64{.022688783647977123181, .86654014017124730293, -.11773647864086439065, -.42178580416287772627}, 1e-6
			}
			if i == 2 {
				want, tol = []float64{-.83980716633898647154, .44683141709847205637, .37374253561439383395, -.14966964466689517725}, 1e-6
			}
			for j, w := range want {
				if !(math.Abs(x[j]-w) < tol) {
					t.Errorf("%s at %v: %v, want %v", b.Name, at, x, want)
				}
			}
			return nil
		}
		times := []float64{0, 5, 10, 17.0652165601579625588917206249}
		report, err := solver.Trajectory(t.Context(), m, solver.Field[float64](f), solver.State[float64]{X: x, Rows: 1, Dim: 4}, times, check)
		if err != nil || report.Status[0] != solver.OK {
			t.Error(b.Name, report, err)
		}
	}
}

// ExampleTrajectory draws the solution of y” = -y at quarter turns.
func ExampleTrajectory() {
	f := rhs(func(dx []float64, _ float64, x []float64) { dx[0], dx[1] = x[1], -x[0] })
	m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-8, Atol: 1e-8}}
	state := solver.State[float64]{X: []float64{1, 0}, Rows: 1, Dim: 2}
	times := []float64{0, math.Pi / 2, math.Pi}
	_, err := solver.Trajectory(context.Background(), m, solver.Field[float64](f), state, times, func(i int, t float64, x []float64) error {
		fmt.Printf("%.3f: %.3f %.3f\n", t, math.Abs(x[0]), math.Abs(x[1]))
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0.000: 1.000 0.000
	// 1.571: 0.000 1.000
	// 3.142: 1.000 0.000
}

package solver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// problem is one solve: what its tiles share and only read, and the report,
// of which every row is written by one tile.
type problem[T Float] struct {
	Options
	field  Field[T]
	quad   Quadrature[T] // nil when there are no quadratures
	noise  Stochastic[T] // nil when there is none
	state  State[T]
	report Report

	t0, t1, dir float64   // dir is the sign of t1 - t0
	grid        []float64 // ends of fixed steps, nil when adaptive
	pooled      bool      // one step for all rows
	limit       int64     // evaluations per row
	least       float64   // smallest step that is tried near t = 0
	last        float64   // smallest step that is tried near t1
	deadline    time.Time // zero for none
	dense       *dense[T] // nil when no states within steps are asked for
	overrun     Interpolant
	accepted    func(w *tile[T], place int) // nil, or told of accepted steps, with their slopes

	order        float64
	present      float32 // exponents of the controller, of squared errors
	history      float32
	older        float32
	elementary   bool    // the controller of torchdiffeq, in float64
	alone        float32 // after a rejection
	stages       int
	fsal         bool
	c            []float64
	a            []terms // arguments of the stages, [stages]
	b, err, err3 terms
	euler        terms // the probe of the initial step

	next atomic.Int64 // row to take
	stop atomic.Bool  // another tile has failed
}

func solve[T Float](ctx context.Context, m *Method, pool *sync.Pool, f Field[T], s State[T], t0, t1 float64, d *dense[T]) (Report, error) {
	if s.Rows < 0 || s.Dim < 1 || s.Held < 0 || s.Held >= s.Dim || s.Quads < 0 || len(s.X) != s.Rows*s.Dim || len(s.Q) != s.Rows*s.Quads {
		panic("solver: state has another shape than its slices")
	}
	if err := m.Check(); err != nil {
		return Report{}, err
	}
	if math.IsNaN(t0-t1) || math.IsInf(t0-t1, 0) {
		return Report{}, fmt.Errorf("solver: cannot go from t = %v to t = %v", t0, t1)
	}
	if d != nil {
		if len(d.at) != len(d.times)*len(s.X) {
			panic("solver: states at times have another shape than their slice")
		}
		if err := checkTimes(t0, t1, d.times); err != nil {
			return Report{}, err
		}
	}
	p := &problem[T]{dense: d, Options: m.Options, field: f, state: s, t0: t0, t1: t1, dir: 1}
	if s.Quads > 0 {
		var ok bool
		if p.quad, ok = f.(Quadrature[T]); !ok {
			panic("solver: quadratures of a field that has none")
		}
	}
	if m.Options.Stochastic {
		var ok bool
		if p.noise, ok = f.(Stochastic[T]); !ok {
			panic("solver: noise of a field that has none")
		}
	}
	p.report = NewReport(s.Rows)
	if t0 == t1 {
		if d != nil {
			for i := range d.times {
				copy(d.at[i*len(s.X):], s.X)
			}
		}
		return p.report, nil
	}
	for i := range p.report.Status {
		p.report.Status[i] = Cancelled // until its tile says otherwise
	}
	if t1 < t0 {
		p.dir = -1
	}
	p.compile(m)
	if p.MaxTime > 0 {
		p.deadline = time.Now().Add(p.MaxTime)
	}
	return p.report, p.solve(ctx, pool)
}

// compile takes from the tableau what the loop needs.
func (p *problem[T]) compile(m *Method) {
	tab := &m.Tableau
	p.grid = p.Options.grid(p.t0, p.t1)
	p.pooled = p.grid == nil && p.Control == "batch"
	p.limit = math.MaxInt32
	if 0 < p.MaxEvaluations {
		p.limit = min(p.limit, int64(p.MaxEvaluations))
	}
	p.least = math.Abs(p.t1-p.t0) * 0x1p-64
	p.last = p.shortest(p.t1)
	p.order = float64(tab.Order)
	p.controller()
	p.stages, p.fsal, p.c = tab.Stages(), tab.FSAL(), tab.C
	for _, row := range tab.A {
		p.a = append(p.a, newTerms(row))
	}
	p.b, p.err, p.err3 = newTerms(tab.B), newTerms(tab.BErr), newTerms(tab.BErr3)
	p.euler = newTerms([]float64{1})
	if p.Overshoot {
		p.overrun = tab.Dense()
	}
	if d := p.dense; d != nil {
		if d.Interpolant = tab.Dense(); p.noise != nil { // a straight line, as the broken path of Euler and Maruyama
			d.Interpolant = Interpolant{Order: 1}
		}
		for _, row := range d.A {
			d.a = append(d.a, newTerms(row))
		}
	}
}

// solve shares the rows out. A panic in a worker is raised again in the caller's
// goroutine, after the others have stopped.
func (p *problem[T]) solve(ctx context.Context, pool *sync.Pool) error {
	workers, tile := p.cut()
	if workers <= 1 {
		return p.work(ctx, pool, tile)
	}
	errs, panics := make([]error, workers), make([]any, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			defer func() {
				if panics[i] = recover(); panics[i] != nil {
					p.stop.Store(true)
				}
			}()
			errs[i] = p.work(ctx, pool, tile)
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(panics, func(v any) bool { return v != nil }); i >= 0 {
		panic(panics[i])
	}
	// A field's own error says more than the cancellation that it may have caused.
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Rows of a tile where Options do not say: products are efficient from some 64
// rows on, and the states and slopes of 256 rows stay in the cache.
const (
	usualTile = 256
	leastTile = 64
)

// A distant field gets tiles of as many rows as there are, in two parts, so that
// one is stepped with here while the other is evaluated there. A tile holds a
// state and a slope for every stage, which bounds it.
const (
	distantWorkers = 2
	distantValues  = 1 << 21 // of the state of a tile
)

// cut is the number of workers and the number of rows of a tile. Without a number
// of rows in the options a state of a few tiles is cut so that all workers get as
// much.
func (p *problem[T]) cut() (workers, tile int) {
	rows := max(p.state.Rows, 1)
	if p.pooled {
		return 1, rows
	}
	workers, tile = p.Workers, p.Tile
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if tile == 0 && Distant(p.field) {
		workers = min(workers, distantWorkers)
		tile = min((rows+workers-1)/workers, distantValues/p.state.Dim)
		tile = max(tile, usualTile)
	}
	if tile == 0 {
		tiles := (rows + usualTile - 1) / usualTile
		tiles = (tiles + workers - 1) / workers * workers
		tile = max((rows+tiles-1)/tiles, leastTile)
	}
	tile = min(tile, rows)
	return min(workers, (rows+tile-1)/tile), tile
}

// late reports whether the time of the solve is over.
func (p *problem[T]) late() bool { return !p.deadline.IsZero() && time.Now().After(p.deadline) }

// waiting reports whether there are rows that no tile has taken.
func (p *problem[T]) waiting() bool { return p.next.Load() < int64(p.state.Rows) }

// work solves rows until no more are waiting.
func (p *problem[T]) work(ctx context.Context, pool *sync.Pool, size int) error {
	w, _ := pool.Get().(*tile[T])
	if w == nil {
		w = new(tile[T])
	}
	defer pool.Put(w)
	w.fit(p, size)
	run := p.adaptive
	if p.grid != nil {
		run = p.fixed
	}
	err := run(ctx, w)
	w.leaveAll(p, Cancelled) // what an error leaves behind
	if err != nil {
		p.stop.Store(true)
	}
	return err
}

package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/trainer"
)

// key draws whatever a workload makes up by itself.
var key = random.NewKey(1, "bench", "rows")

// normals are rows x d standard normal numbers.
func normals(rows, d int) []float32 {
	x := make([]float32, rows*d)
	for r := range rows {
		key.Normals32(x[r*d:(r+1)*d], uint64(r), 0)
	}
	return x
}

// trainSmall is W1: AdamW on 10,000 rows around eight points.
func trainSmall(ctx context.Context, s *session) ([]Result, error) {
	arrays, err := readArrays(s.Data, "eight_gaussians")
	if err != nil {
		return nil, err
	}
	t, err := timeTraining(ctx, s, small, arrays["x"].float32s(), 256, optim.DefaultAdamW())
	if err != nil {
		return nil, err
	}
	r := Result{Params: fmt.Sprintf("%s batch=256", small), Metric: "train", Unit: "steps/s"}
	return []Result{t.rate(r, 1, 256*small.sizes().train())}, nil
}

// trainWide is W2, trainMid W3: Adam on 65,536 rows of noise.
func trainWide(ctx context.Context, s *session) ([]Result, error) {
	return trainNoise(ctx, s, wide, 4096)
}
func trainMid(ctx context.Context, s *session) ([]Result, error) { return trainNoise(ctx, s, mid, 512) }

func trainNoise(ctx context.Context, s *session, net shape, batch int) ([]Result, error) {
	t, err := timeTraining(ctx, s, net, normals(1<<16, net.dim), batch, optim.DefaultAdam())
	if err != nil {
		return nil, err
	}
	r := Result{Params: fmt.Sprintf("%s batch=%d", net, batch), Metric: "train", Unit: "rows/s"}
	return []Result{t.rate(r, float64(batch), net.sizes().train())}, nil
}

// timeTraining times steps of conditional flow matching on the straight path.
func timeTraining(ctx context.Context, s *session, net shape, x []float32, batch int, rule optim.Rule) (timings, error) {
	def, err := net.definition()
	if err != nil {
		return nil, err
	}
	keys := trainer.NewKeys(1, "bench")
	return measure(ctx, s, func(n int) (time.Duration, error) {
		rows := &stopwatch{Rows: trainer.NewMemory(x, net.dim, keys.Shuffle)}
		_, err := trainer.Train(ctx, def, trainer.Layout{Dim: net.dim}, rows, trainer.Options{
			Steps: int64(n), Batch: batch, Path: path.CondOT{}, Time: trainer.Uniform{}, Rule: rule, LR: 1e-3,
			LogEvery: int64(n), Keys: keys, Workers: s.Threads,
		})
		return time.Since(rows.begin), err
	})
}

// stopwatch starts with the first rows that are asked for: a step is timed with
// all its draws, the first weights are not.
type stopwatch struct {
	trainer.Rows
	begin time.Time
}

// Next gives the next rows.
func (w *stopwatch) Next(ctx context.Context, x []float32, number []int64) error {
	if w.begin.IsZero() {
		w.begin = time.Now()
	}
	return w.Rows.Next(ctx, x, number)
}

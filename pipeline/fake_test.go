package pipeline_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// The kinds of these tests: count gives the numbers from 0, double maps them,
// slow is stored, sum writes a file, and a text writer stands for Parquet.
type countConfig struct {
	Rows  int                `yaml:"rows" json:"rows" doc:"how many numbers" min:"1" max:"1000000" required:"true"`
	Split map[string]float64 `yaml:"split" json:"split,omitempty" doc:"fractions" above:"0" max:"1"`
	Label string             `yaml:"label" json:"label" doc:"a word" enum:"red,green,blue"`
	File  string             `yaml:"file" json:"file" doc:"a file whose bytes count as data"`
}

type optimizer struct {
	Use string  `yaml:"use" json:"use" doc:"which" enum:"adam,sgd"`
	LR  float64 `yaml:"lr" json:"lr" doc:"learning rate" above:"0"`
}

type sumConfig struct {
	Steps     int               `yaml:"steps" json:"steps" doc:"steps" min:"1"`
	Optimizer optimizer         `yaml:"optimizer" json:"optimizer" doc:"how"`
	Wait      pipeline.Duration `yaml:"wait" json:"wait" doc:"how long"`
	Budget    pipeline.Size     `yaml:"budget" json:"budget" doc:"how much"`
	Times     []float64         `yaml:"times" json:"times,omitempty" doc:"times" min:"0" max:"1"`
	Panic     bool              `yaml:"panic" json:"panic" doc:"fail badly"`
}

var numbers = arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)

type countRows struct {
	n, add, times int64
	opened        *atomic.Int64
}

func (c countRows) Schema() *arrow.Schema { return numbers }
func (c countRows) Count() int64          { return c.n }
func (c countRows) Open(context.Context) (pipeline.Stream, error) {
	if c.opened != nil {
		c.opened.Add(1)
	}
	return &countStream{rows: c}, nil
}

type countStream struct {
	rows countRows
	at   int64
}

func (s *countStream) Next(ctx context.Context) (arrow.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.at == s.rows.n {
		return nil, io.EOF
	}
	m := min(s.rows.n-s.at, 100)
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range m {
		b.Append((s.at+i)*s.rows.times + s.rows.add)
	}
	s.at += m
	col := b.NewArray()
	defer col.Release()
	return array.NewRecord(numbers, []arrow.Array{col}, m), nil
}

func (s *countStream) Close() error { return nil }

// textFile is a RowFile of eight bytes a number; as "csv" it is never opened.
type textFile struct{ csv bool }

func (f textFile) Readable() bool { return !f.csv }

func (textFile) Write(ctx context.Context, path string, rows pipeline.Rows) (n int64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		for _, v := range rec.Column(0).(*array.Int64).Int64Values() {
			n++
			if err := binary.Write(f, binary.LittleEndian, v); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func (textFile) Open(_ context.Context, path string) (pipeline.Rows, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	return countRows{n: int64(len(b)) / 8, times: 1, add: int64(binary.LittleEndian.Uint64(b))}, nil
}

// stageFunc is a Stage whose Run is given; Check gives the same outputs.
type stageFunc struct {
	check, run func(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error)
	print      func(context.Context) (string, error)
}

func (s stageFunc) Check(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.check(ctx, in)
}

func (s stageFunc) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	if s.run == nil {
		return s.check(ctx, in)
	}
	return s.run(ctx, in)
}

func (s stageFunc) Fingerprint(ctx context.Context) (string, error) {
	if s.print == nil {
		return "", nil
	}
	return s.print(ctx)
}

type fakes struct {
	*pipeline.Registry
	runs   atomic.Int64 // of stored stages
	opened atomic.Int64
	hold   chan struct{} // when not nil, sum waits for Stop
	held   chan struct{}
}

func newFakes() *fakes {
	f := &fakes{Registry: pipeline.NewRegistry()}
	r := f.Registry
	rows := pipeline.GivesRows
	r.AddKind(pipeline.Kind{Name: "loader", SplitKey: "split", Gives: rows, Doc: "reads"})
	r.AddKind(pipeline.Kind{Name: "transform", Gives: rows, Splits: true, Ports: []pipeline.Port{{Name: "data", Takes: rows, Doc: "rows"}}})
	r.AddKind(pipeline.Kind{Name: "solver", Gives: pipeline.GivesService})
	r.AddKind(pipeline.Kind{Name: "sampler", Gives: rows, Stored: true, Ports: []pipeline.Port{{Name: "data", Takes: rows, Doc: "rows"},
		{Name: "solver", Takes: pipeline.GivesService, Kind: "solver", Default: "euler"}}})
	r.AddKind(pipeline.Kind{Name: "evaluator", Gives: pipeline.GivesMetrics, Ports: []pipeline.Port{{Name: "data", Takes: rows, Doc: "rows"}}})
	r.AddKind(pipeline.Kind{Name: "writer", Gives: pipeline.GivesService})

	pipeline.Register(r, "loader", "count", "counts", countConfig{Label: "red"}, func(_ context.Context, env pipeline.Env, c countConfig) (pipeline.Stage, error) {
		return stageFunc{
			check: func(context.Context, pipeline.Inputs) (pipeline.Outputs, error) {
				if c.Rows == 13 {
					return pipeline.Outputs{}, schemas.Errorf(schemas.OutOfRange, "thirteen").At("rows")
				}
				out := map[string]pipeline.Rows{"": countRows{n: int64(c.Rows), times: 1, opened: &f.opened}}
				for name, share := range c.Split {
					out[name] = countRows{n: int64(share * float64(c.Rows)), times: 1, opened: &f.opened}
				}
				return pipeline.Outputs{Rows: out}, nil
			},
			print: func(context.Context) (string, error) {
				if c.File == "" {
					return "", nil
				}
				b, err := os.ReadFile(filepath.Join(env.Dir, c.File))
				return string(b), pipeline.FileError(err)
			}}, nil
	})
	pipeline.Register(r, "transform", "double", "doubles", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return stageFunc{check: func(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
			out := map[string]pipeline.Rows{}
			for name, r := range in["data"].Splits {
				out[name] = countRows{n: r.Count(), times: 2}
			}
			return pipeline.Outputs{Rows: out}, nil
		}}, nil
	})
	pipeline.Register(r, "solver", "euler", "steps", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return "euler", nil }), nil
	})
	type slowConfig struct {
		Add int64 `yaml:"add" json:"add" doc:"to add"`
	}
	pipeline.Register(r, "sampler", "slow", "adds", slowConfig{}, func(_ context.Context, env pipeline.Env, c slowConfig) (pipeline.Stage, error) {
		give := func(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
			if in["solver"].Service != "euler" {
				return pipeline.Outputs{}, errors.New("no solver")
			}
			return pipeline.Outputs{Rows: map[string]pipeline.Rows{"": countRows{n: in["data"].Rows.Count(), times: 1, add: c.Add}}, Summary: map[string]any{"evaluations": 7.0}}, nil
		}
		return stageFunc{check: give, run: func(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
			f.runs.Add(1)
			return give(ctx, in)
		}}, nil
	})
	pipeline.Register(r, "evaluator", "sum", "sums", sumConfig{Steps: 3, Optimizer: optimizer{Use: "adam", LR: 1e-3}, Wait: pipeline.Duration(1e9), Budget: 1 << 20},
		func(_ context.Context, env pipeline.Env, c sumConfig) (pipeline.Stage, error) {
			return stageFunc{
				check: func(context.Context, pipeline.Inputs) (pipeline.Outputs, error) { return pipeline.Outputs{}, nil },
				run: func(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
					if c.Panic {
						panic("evaluator: boom")
					}
					if f.hold != nil {
						close(f.held)
						select {
						case <-env.Stop:
							return pipeline.Outputs{}, pipeline.ErrInterrupted
						case <-ctx.Done():
							return pipeline.Outputs{}, ctx.Err()
						}
					}
					var sum int64
					err := pipeline.Each(ctx, in["data"].Rows, func(rec arrow.Record) error {
						for _, v := range rec.Column(0).(*array.Int64).Int64Values() {
							sum += v
						}
						return nil
					})
					if err != nil {
						return pipeline.Outputs{}, err
					}
					env.Emit(pipeline.Event{Type: pipeline.StageProgress, Done: 1, Total: 1})
					name := env.Stage + ".json"
					return pipeline.Outputs{Files: []string{name}, Metrics: map[string]float64{"sum": float64(sum)}},
						pipeline.WriteFile(filepath.Join(env.Out, name), fmt.Appendf(nil, `{"sum": %d}`, sum))
				}}, nil
		})
	// An evaluator of other inputs than its kind's.
	pipeline.Register(r, "evaluator", "steps", "counts steps", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return pipeline.Service(func(_ context.Context, in pipeline.Inputs) (any, error) {
			if in["solver"].Service != "euler" {
				return nil, errors.New("no solver")
			}
			return nil, nil
		}), nil
	}).Ports = []pipeline.Port{{Name: "rows", Takes: rows, Doc: "rows"}, {Name: "solver", Takes: pipeline.GivesService, Kind: "solver", Default: "euler"}}
	for _, name := range []string{"parquet", "csv"} {
		pipeline.Register(r, "writer", name, "writes", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return textFile{name == "csv"}, nil }), nil
		})
	}
	return f
}

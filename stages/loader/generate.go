package loader

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/loader/distribution"
	"github.com/pathline/pathline/stages/random"
)

// Generate configures generate.
type Generate struct {
	Name  string             `yaml:"name" json:"name" doc:"the distribution" required:"true" enum:"moons,8gaussians,checkerboard,circles,rings,swissroll,scurve,pinwheel,2spirals,normal,cfm-8gaussians,cfm-moons,cfm-8gaussians-12,cfm-moons-7"`
	Rows  int64              `yaml:"rows" json:"rows" doc:"number of rows" min:"1" max:"1000000000000"`
	Split map[string]float64 `yaml:"split" json:"split" doc:"fraction of the rows of each split, by name; which rows depends on the seed and the row's number only"`

	Conditions []ConditionOf `yaml:"conditions" json:"conditions,omitempty" doc:"x or y, where that column is no data but what the other is conditional on"`
}

// GenerateDefaults are the settings of keys that are left out.
func GenerateDefaults() Generate { return Generate{Rows: 10000} }

// Validate checks what the tags do not say.
func (g Generate) Validate() error {
	if n := len(g.Conditions); n > 1 {
		return schemas.Errorf(schemas.Conflict, "x and y are conditions, and nothing is data").At("conditions").Suggest("leave one of them out")
	}
	for _, c := range g.Conditions {
		if c.Use != "x" && c.Use != "y" {
			return schemas.Errorf(schemas.UnknownColumn, "there is no column %q; there are x, y", c.Use).At("conditions[0]")
		}
	}
	return checkSplit(g.Split)
}

// generateRows rows make a batch before the split is taken.
const generateBatch = 16384

type generateStage struct {
	env    pipeline.Env
	config Generate
}

func (s *generateStage) Check(context.Context, pipeline.Inputs) (pipeline.Outputs, error) {
	d, ok := distribution.ByName(s.config.Name)
	if !ok {
		return pipeline.Outputs{}, schemas.Errorf(schemas.UnknownValue, "there is no distribution %q", s.config.Name).At("name")
	}
	fields := []arrow.Field{
		{Name: "x", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
		{Name: "y", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	}
	swap := false // conditions stand behind the data
	for _, c := range s.config.Conditions {
		at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == c.Use })
		kind, err := condition.KindOf(fields[at], c.As)
		if err != nil {
			return pipeline.Outputs{}, err.(*schemas.Error).At("conditions[0]")
		}
		fields[at] = condition.Mark(fields[at], kind)
		if swap = at == 0; swap {
			slices.Reverse(fields)
		}
	}
	schema := arrow.NewSchema(fields, nil)
	out := map[string]pipeline.Rows{}
	for name, v := range intervals(s.config.Split, s.env.Seed, s.env.Stage) {
		out[name] = &generated{schema: schema, swap: swap, from: d, key: random.NewKey(s.env.Seed, s.env.Stage, "rows"), part: v, total: s.config.Rows, mem: s.env.Alloc}
	}
	return pipeline.Outputs{Rows: out}, nil
}

func (s *generateStage) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.Check(ctx, in)
}

// generated rows are a function of the seed and of the row's number.
type generated struct {
	schema *arrow.Schema
	swap   bool // y stands before x
	from   distribution.Distribution
	key    random.Key
	part   interval
	total  int64
	mem    memory.Allocator
	count  sync.Once
	rows   int64
}

func (g *generated) Schema() *arrow.Schema { return g.schema }

func (g *generated) Count() int64 {
	g.count.Do(func() { g.rows = g.part.count(0, g.total) })
	return g.rows
}

func (g *generated) Open(ctx context.Context) (pipeline.Stream, error) {
	return &generatedStream{generated: g}, ctx.Err()
}

type generatedStream struct {
	*generated
	mu   sync.Mutex
	next int64
	err  error
}

func (s *generatedStream) Next(ctx context.Context) (arrow.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil {
		if s.err = ctx.Err(); s.err != nil {
			break
		}
		n := int(min(generateBatch, s.total-s.next))
		if n == 0 {
			s.err = io.EOF
			break
		}
		first := s.next
		s.next += int64(n)
		var x, y []float32
		var row [2]float64
		for i := first; i < first+int64(n); i++ {
			if s.part.has(i) {
				s.from.Sample(row[:], s.key, i, 1)
				x, y = append(x, float32(row[0])), append(y, float32(row[1]))
			}
		}
		if s.swap {
			x, y = y, x
		}
		if len(x) > 0 {
			return s.record(x, y), nil
		}
	}
	return nil, s.err
}

func (s *generatedStream) record(columns ...[]float32) arrow.Record {
	arrays := make([]arrow.Array, len(columns))
	for i, v := range columns {
		buf := memory.NewResizableBuffer(s.mem)
		buf.Resize(4 * len(v))
		copy(arrow.Float32Traits.CastFromBytes(buf.Bytes()), v)
		data := array.NewData(arrow.PrimitiveTypes.Float32, len(v), []*memory.Buffer{nil, buf}, nil, 0, 0)
		buf.Release()
		arrays[i] = array.MakeFromData(data)
		data.Release()
		defer arrays[i].Release()
	}
	return array.NewRecord(s.schema, arrays, int64(len(columns[0])))
}

func (s *generatedStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = errClosed
	}
	return nil
}

package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// power is a table of four kinds of columns and a pipeline with every stage
// that writes something: what the tests of bits, interrupts and outputs share.
const power = `
version: 1
name: power
seed: 5
params: {steps: 400, rows: 2000, batch: 8192}
stages:
  data:
    kind: loader
    use: parquet
    with: {path: data.parquet, columns: [volts, "amps A", count], split: {train: 0.8, valid: 0.1, test: 0.1}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: [24, 24]}}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, valid: scaled.valid, model: field}
    with: {steps: "${params.steps}", batch: 128, ema: 0.99, checkpoint_every: 50}
  samples:
    kind: sampler
    use: ode
    from: {flow: train}
    with: {rows: "${params.rows}", batch: "${params.batch}"}
    to: samples.parquet
  scores:
    kind: likelihood
    use: ode
    from: {flow: train, data: data.test}
    with: {batch: "${params.batch}"}
    to: scores.parquet
  guesses:
    kind: likelihood
    use: ode
    from: {flow: train, data: data.test}
    with: {trace: hutchinson, probes: 3, batch: "${params.batch}"}
    to: guesses.parquet
  quality: {kind: evaluator, use: two-sample, from: {data: data.test, sample: samples}}
`

// powerOutputs are the outputs of power that are a function of the file alone.
var powerOutputs = []string{"samples.parquet", "scores.parquet", "guesses.parquet", "train.safetensors", "quality.json"}

// powerFolder writes power.yaml with its table.
func powerFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	null := func(name string, ty arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: ty, Nullable: true}
	}
	schema := arrow.NewSchema([]arrow.Field{
		null("name", arrow.BinaryTypes.String), null("volts", arrow.PrimitiveTypes.Float64), null("count", arrow.PrimitiveTypes.Int32),
		null("when", arrow.FixedWidthTypes.Timestamp_ms), null("amps A", arrow.PrimitiveTypes.Float32),
	}, nil)
	r := rand.New(rand.NewPCG(4, 4))
	writeTable(t, filepath.Join(dir, "data.parquet"), schema, 5000, 1300, func(b *array.RecordBuilder, from, to int) {
		for i := from; i < to; i++ {
			z := r.NormFloat64()
			b.Field(0).(*array.StringBuilder).Append(fmt.Sprint("row ", i))
			b.Field(1).(*array.Float64Builder).Append(240 + 3*z)
			b.Field(2).(*array.Int32Builder).Append(int32(1000 + 300*(z+r.NormFloat64())))
			b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(i))
			b.Field(4).(*array.Float32Builder).Append(float32(5 - z + 0.5*r.NormFloat64()))
		}
	})
	place(t, dir, "power.yaml", power)
	return dir
}

func remove(t *testing.T, path ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(path...)); err != nil {
		t.Fatal(err)
	}
}

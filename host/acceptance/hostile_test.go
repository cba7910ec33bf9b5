package acceptance

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// contained demands an error in bounded time and memory.
func contained(t *testing.T, what string, r outcome) {
	t.Helper()
	if r.code == 0 {
		t.Errorf("%s: no error\n%s", what, head(r.stdout))
	}
	if r.seconds >= 5 {
		t.Errorf("%s: %.1f s", what, r.seconds)
	}
	if r.peak >= 300<<20 {
		t.Errorf("%s: %d MB of memory", what, r.peak>>20)
	}
}

func TestHostileYAML(t *testing.T) {
	dir := t.TempDir()
	var laughs strings.Builder
	laughs.WriteString("version: 1\nname: lol\nparams:\n  a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	place(t, dir, "laughs.yaml", laughs.String()+"stages: *a11\n")
	place(t, dir, "deep.yaml", "version: 1\nname: deep\nstages: "+strings.Repeat("[", 200000))
	place(t, dir, "loop.yaml", "version: 1\nname: loop\nstages: &s {a: *s}\n")
	place(t, dir, "merge.yaml", "version: 1\nname: merge\nstages: &s\n  <<: *s\n")

	for name, before := range map[string]string{
		"line.yaml": "version: 1\nname: ", "comment.yaml": "# ", "key.yaml": "version: 1\n", "quoted.yaml": "version: 1\nname: \"",
	} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriter(f)
		fmt.Fprint(w, before)
		for range 200 {
			fmt.Fprint(w, strings.Repeat("a", 1<<20))
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	for _, name := range []string{"laughs", "deep", "loop", "merge", "line", "comment", "key", "quoted"} {
		for _, verb := range []string{"validate", "run", "plan", "graph"} {
			r := host(t, dir, verb, name+".yaml", "--json")
			contained(t, verb+" "+name, r)
			if r.code != 2 {
				t.Errorf("%s %s: exit %d, want 2", verb, name, r.code)
			}
			if len(r.stdout) > 1<<16 {
				t.Errorf("%s %s: an error of %d bytes", verb, name, len(r.stdout))
			}
		}
	}
}

// numbersFile writes rows of two columns that do not compress.
func numbersFile(t *testing.T, path string, rows int) {
	t.Helper()
	writeColumns(t, path, []string{"u", "v"}, exactTruth.draw(rand.New(rand.NewPCG(2, uint64(rows))), rows))
}

// scoring reads every row of a table.
const scoring = `
version: 1
name: scoring
stages:
  data: {kind: loader, use: parquet, with: {path: FILE.parquet}}
  field: {kind: model, use: gmm, with: {columns: [u, v], means: [[0, 0]], std: [1]}}
  solver: {kind: solver, use: euler, with: {steps: 2}}
  scores: {kind: likelihood, use: ode, from: {flow: field, data: data, solver: solver}, to: scores.parquet}
`

func TestCutParquet(t *testing.T) {
	dir := t.TempDir()
	numbersFile(t, filepath.Join(dir, "whole.parquet"), 3600)
	whole := content(t, dir, "whole.parquet")
	if len(whole) < 50000 || len(whole) > 80000 {
		t.Fatalf("the file has %d bytes", len(whole))
	}
	place(t, dir, "whole.yaml", strings.Replace(scoring, "FILE", "whole", 1))
	must(t, dir, "run", "whole.yaml", "--out", "whole")
	inTwos(t, (len(whole)+1023)/1024, func(t *testing.T, i int) {
		name := fmt.Sprint("cut", i)
		place(t, dir, name+".parquet", string(whole[:i*1024]))
		place(t, dir, name+".yaml", strings.Replace(scoring, "FILE", name, 1))
		r := host(t, dir, "run", name+".yaml", "--out", name, "--json")
		contained(t, name, r)
		if m := r.document(t).Errors[0]; r.code != 1 || m.Reason != "corrupt_file" {
			t.Errorf("cut at %d KB: exit %d, %s: %s", i, r.code, m.Reason, m.Message)
		}
		if _, err := os.Stat(filepath.Join(dir, name, "scores.parquet")); err == nil {
			t.Errorf("cut at %d KB: scores were written", i)
		}
	})
}

// inTwos runs f(0..n-1), two at a time.
func inTwos(t *testing.T, n int, f func(t *testing.T, i int)) {
	t.Helper()
	var wg sync.WaitGroup
	for half := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := half; i < n && !t.Failed(); i += 2 {
				f(t, i)
			}
		}()
	}
	wg.Wait()
}

func TestFlippedFlow(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	numbersFile(t, filepath.Join(dir, "data.parquet"), 200)
	place(t, dir, "p.yaml", `
version: 1
name: flip
stages:
  data: {kind: loader, use: parquet, with: {path: data.parquet}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: [4], time: concat}}
  train: {kind: trainer, use: cfm, from: {data: scaled, model: field}, with: {steps: 5, batch: 16}}
`)
	must(t, dir, "run", "p.yaml", "--out", "out")
	flow := content(t, dir, "out", "train.safetensors")
	score := func(t *testing.T, name string) outcome {
		return host(t, dir, "score", name+".safetensors", "data.parquet", "--out", name+".parquet", "--solver", "euler,steps=2", "--json")
	}
	place(t, dir, "same.safetensors", string(flow))
	if r := score(t, "same"); r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, head(r.stdout))
	}
	t.Logf("%d bytes", len(flow))
	inTwos(t, len(flow)*8/97, func(t *testing.T, i int) {
		name, bit := fmt.Sprint("flip", i), i*97
		damaged := append([]byte(nil), flow...)
		damaged[bit/8] ^= 1 << (bit % 8)
		place(t, dir, name+".safetensors", string(damaged))
		r := score(t, name)
		contained(t, fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), r)
		if r.code != 1 && r.code != 2 {
			t.Errorf("bit %d of byte %d: exit %d\n%s", bit%8, bit/8, r.code, head(r.stdout))
		}
		if _, err := os.Stat(filepath.Join(dir, name+".parquet")); err == nil {
			t.Errorf("bit %d of byte %d: scores were written", bit%8, bit/8)
		}
		os.Remove(filepath.Join(dir, name+".safetensors"))
	})
}

// A flipped bit of a table is found or changes a number: it never crashes the
// host, fills its memory or stops it.
func TestFlippedTables(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	numbersFile(t, filepath.Join(dir, "whole.parquet"), 400)
	parquet := content(t, dir, "whole.parquet")
	t.Run("parquet", func(t *testing.T) {
		footer := len(parquet) - 8 - int(binary4(parquet[len(parquet)-8:]))
		flipTable(t, dir, "parquet", parquet, append(every(4001, 0, footer*8), every(97, footer*8, len(parquet)*8)...))
	})
	arrowFile(t, filepath.Join(dir, "whole.arrow"))
	table := content(t, dir, "whole.arrow")
	t.Run("arrow", func(t *testing.T) { flipTable(t, dir, "arrow", table, every(307, 0, len(table)*8)) })
}

func every(step, from, to int) (bits []int) {
	for bit := from; bit < to; bit += step {
		bits = append(bits, bit)
	}
	return bits
}

// flipTable scores the table with each of the bits flipped.
func flipTable(t *testing.T, dir, ending string, whole []byte, bits []int) {
	t.Helper()
	about := func(name string) string {
		return strings.NewReplacer("use: parquet", "use: "+ending, "FILE.parquet", name+"."+ending).Replace(scoring)
	}
	place(t, dir, "p.yaml", about("whole"))
	must(t, dir, "run", "p.yaml", "--out", "out")
	inTwos(t, len(bits), func(t *testing.T, i int) {
		bit := bits[i]
		what := fmt.Sprintf("bit %d of byte %d", bit%8, bit/8)
		name := fmt.Sprint(ending, i)
		damaged := append([]byte(nil), whole...)
		damaged[bit/8] ^= 1 << (bit % 8)
		place(t, dir, name+"."+ending, string(damaged))
		place(t, dir, name+".yaml", about(name))
		r := host(t, dir, "run", name+".yaml", "--out", name, "--json")
		if r.code != 0 {
			// Names and types are what a flipped bit may change into others;
			// values into ones that are no numbers.
			switch m := r.document(t).Errors[0]; m.Reason {
			case "corrupt_file", "unknown_column", "column_type", "dimension_mismatch", "null_value", "non_finite", "empty_data", "conflict":
			default:
				t.Errorf("%s: exit %d, %s: %s", what, r.code, m.Reason, m.Message)
			}
		}
		r.code = max(r.code, 1) // no error is none of contained's business
		contained(t, what, r)
		remove(t, dir, name)
	})
}

// arrowFile writes a few batches of two columns.
func arrowFile(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	schema := arrow.NewSchema([]arrow.Field{{Name: "u", Type: arrow.PrimitiveTypes.Float64}, {Name: "v", Type: arrow.PrimitiveTypes.Float64}}, nil)
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	columns := exactTruth.draw(rand.New(rand.NewPCG(2, 2)), 60)
	for at := 0; at < 60; at += 20 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range columns {
			b.Field(i).(*array.Float64Builder).AppendValues(columns[i][at:at+20], nil)
		}
		rec := b.NewRecord()
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
		b.Release()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// binary4 reads four bytes, the lowest first.
func binary4(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

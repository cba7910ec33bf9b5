package acceptance

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// The outputs are a function of the file, the data and the seed: not of
// threads, of repetition, of batches or of where a stage runs.
func TestSameBits(t *testing.T) {
	slow(t)
	dir := powerFolder(t)
	must(t, dir, "run", "power.yaml", "--out", "one", "--threads", "1")
	at := func(out string) string { return filepath.Join(dir, out) }

	t.Run("two threads", func(t *testing.T) {
		must(t, dir, "run", "power.yaml", "--out", "two", "--threads", "2")
		sameFiles(t, "two threads", at("one"), at("two"), powerOutputs...)
	})
	t.Run("again", func(t *testing.T) {
		must(t, dir, "run", "power.yaml", "--out", "one", "--no-cache", "--threads", "1")
		must(t, dir, "run", "power.yaml", "--out", "three", "--threads", "7")
		sameFiles(t, "again", at("one"), at("three"), powerOutputs...)
	})
	t.Run("batches", func(t *testing.T) {
		for _, batch := range []string{"1000", "77"} {
			must(t, dir, "run", "power.yaml", "--out", "batch"+batch, "--set", "params.batch="+batch, "--set", "stages.data.with.batch="+batch)
			sameFiles(t, "batch "+batch, at("one"), at("batch"+batch), "train.safetensors", "quality.json")
			for file, columns := range map[string][]string{
				"samples.parquet": {"volts", "amps A", "count"},
				"scores.parquet":  {"volts", "amps A", "count", "log_prob"},
				"guesses.parquet": {"volts", "amps A", "count", "log_prob", "log_prob_se"},
			} {
				sameNumbers(t, file, readTable(t, at("one"), file), readTable(t, at("batch"+batch), file), columns...)
			}
		}
	})
	t.Run("other seed", func(t *testing.T) {
		must(t, dir, "run", "power.yaml", "--out", "seed", "--set", "seed=6")
		for _, n := range powerOutputs {
			if string(content(t, at("one"), n)) == string(content(t, at("seed"), n)) {
				t.Errorf("%s does not depend on the seed", n)
			}
		}
	})
	for _, memory := range []string{"off", "test"} {
		t.Run("shared memory "+memory, func(t *testing.T) {
			t.Setenv("PATHLINE_SHARED_MEMORY", memory)
			must(t, dir, "run", "power.yaml", "--out", "memory-"+memory, "--isolate")
			sameFiles(t, "shared memory "+memory, at("one"), at("memory-"+memory), powerOutputs...)
		})
	}
	for _, kinds := range []string{"--isolate", "--isolate=path,model", "--isolate=solver", "--isolate=loader,sampler,likelihood",
		"--isolate=transform,coupling,trainer", "--isolate=evaluator,writer"} {
		t.Run(kinds, func(t *testing.T) {
			r := host(t, dir, "run", "power.yaml", "--out", "apart", "--no-cache", "--threads", "1", kinds)
			if r.code != 0 && strings.Contains(r.stderr, "--isolate") && strings.Contains(r.stderr, "not available") {
				t.Skip(strings.TrimSpace(r.stderr))
			}
			if r.code != 0 {
				t.Fatalf("exit %d\n%s", r.code, head(r.stderr))
			}
			sameFiles(t, kinds, at("one"), at("apart"), powerOutputs...)
		})
	}
}

// sameNumbers demands the same bits in the named columns.
func sameNumbers(t *testing.T, what string, one, two table, names ...string) {
	t.Helper()
	if one.rows != two.rows {
		t.Fatalf("%s: %d and %d rows", what, one.rows, two.rows)
	}
	a, b := one.columns(t, names...), two.columns(t, names...)
	for k, n := range names {
		for i := range a[k] {
			if math.Float64bits(a[k][i]) != math.Float64bits(b[k][i]) {
				t.Errorf("%s: row %d of %s is %v and %v", what, i, n, a[k][i], b[k][i])
				break
			}
		}
	}
}

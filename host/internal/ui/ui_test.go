package ui

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64, e pipeline.Event) pipeline.Event {
	e.Time = start.Add(time.Duration(seconds * float64(time.Second)))
	return e
}

// run is what a pipeline with a training emits.
func run() []pipeline.Event {
	events := []pipeline.Event{
		at(0, pipeline.Event{Type: pipeline.RunStarted, File: "runs/x"}),
		at(0, pipeline.Event{Type: pipeline.StageEnded, Stage: "data", Status: pipeline.StatusUpToDate, Rows: 20000}),
		at(0, pipeline.Event{Type: pipeline.StageStarted, Stage: "train", Why: "changed: the data"}),
	}
	for i := 1; i <= 25; i++ {
		events = append(events, at(float64(i), pipeline.Event{Type: pipeline.StageProgress, Stage: "train", Done: int64(40 * i), Total: 1000, Unit: "steps",
			Values: map[string]float64{"rows_per_second": 12345, "loss": 1 / float64(i)}}))
	}
	return append(events,
		at(25, pipeline.Event{Type: pipeline.StageWarning, Stage: "train", Message: "the learning\nrate is \x1b[31mhigh"}),
		at(25, pipeline.Event{Type: pipeline.StageFile, Stage: "train", File: "train.safetensors"}),
		at(25, pipeline.Event{Type: pipeline.StageEnded, Stage: "train", Status: pipeline.StatusRan, Seconds: 25, Values: map[string]float64{"loss": 0.04}}),
		at(25, pipeline.Event{Type: pipeline.StageProgress, Stage: "data", Done: 5, Total: 10}),
		at(25, pipeline.Event{Type: pipeline.StageEnded, Stage: "samples", Status: pipeline.StatusFailed, Seconds: 0.5}),
		at(26, pipeline.Event{Type: pipeline.RunEnded, Status: pipeline.RunFailed}),
	)
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	d := Lines(&b, Options{Name: 7})
	for _, e := range run() {
		d.Event(e)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	const want = `· data     up to date  20,000 rows
> train    started: changed: the data
  train    400 / 1,000 steps  loss 0.1  12.3k rows/s  ETA 15.0s
  train    800 / 1,000 steps  loss 0.05  12.3k rows/s  ETA 5.0s
` + "! train    warning: the learning rate is \uFFFD[31mhigh" + `
✓ train      25.0s  loss 0.04  train.safetensors
✗ samples  failed    0.50s
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestBars(t *testing.T) {
	var b buffer
	d := Bars(&b, Options{Name: 7, Colour: true})
	for _, e := range run() {
		d.Event(e)
		if e.Done == 400 {
			b.waitFor(t, "loss 0.1 ") // at least one picture of the bar
		}
	}
	if _, err := d.Write([]byte("a line of the log\n")); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[32m✓\x1b[0m train", "train.safetensors\n", "400 / 1,000 steps", "a line of the log\n", "failed"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%q", want, b.String())
		}
	}
	if strings.Contains(b.String(), "[31mhigh") && strings.Contains(b.String(), "\x1b[31mhigh") {
		t.Error("a message steers the terminal")
	}
}

// TestBarsCloseWhileRunning: an interrupted run leaves bars behind, and nothing
// waits for them.
func TestBarsCloseWhileRunning(t *testing.T) {
	var b buffer
	d := Bars(&b, Options{})
	for _, e := range run()[:8] {
		d.Event(e)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNDJSON(t *testing.T) {
	var b, other bytes.Buffer
	d := NDJSON(&b, &other)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, e := range run() {
				e.Values = map[string]float64{"nan": math.NaN(), "inf": math.Inf(1), "loss": 1}
				d.Event(e)
			}
		})
	}
	wg.Wait()
	if _, err := d.Write([]byte("log")); err != nil || other.String() != "log" {
		t.Error("the log is not where it belongs")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if len(lines) != 4*len(run()) {
		t.Fatalf("%d lines, want %d", len(lines), 4*len(run()))
	}
	for _, l := range lines {
		var e pipeline.Event
		if err := json.Unmarshal([]byte(l), &e); err != nil || e.Values["loss"] != 1 || len(e.Values) != 1 {
			t.Fatalf("%v: %s", err, l)
		}
	}
}

func TestWords(t *testing.T) {
	for s, want := range map[float64]string{0: "0.00s", 0.994: "0.99s", 59.94: "59.9s", 99.96: "1m39s", 245: "4m05s", 7380: "2h03m", -1: "?"} {
		if got := Seconds(s); got != want {
			t.Errorf("%v seconds: %s, want %s", s, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for x, want := range map[float64]string{980: "980", 12345: "12.3k", 4.5e6: "4.5M", 0.5: "0.5", -2e9: "-2.0G"} {
		if got := Short(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) waitFor(t *testing.T, text string) {
	t.Helper()
	for range 1000 {
		if strings.Contains(b.String(), text) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%q was never drawn: %q", text, b.String())
}

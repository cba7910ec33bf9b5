package trainer

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/optim"
)

func decode(t *testing.T, text string) []*schemas.Error {
	t.Helper()
	schema, err := pipeline.SchemaOf(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	return schemas.Errors(schema.Decode(json.RawMessage(text), &c), "")
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		text   string
		reason schemas.Reason
		path   string
	}{
		{`{"steps": 5, "epochs": 1}`, schemas.Conflict, "epochs"},
		{`{"steps": 0}`, schemas.OutOfRange, "steps"},
		{`{"steps": 99999999999999}`, schemas.OutOfRange, "steps"},
		{`{"stepz": 5}`, schemas.UnknownKey, "stepz"},
		{`{"batch": 0}`, schemas.OutOfRange, "batch"},
		{`{"accumulate": 0}`, schemas.OutOfRange, "accumulate"},
		{`{"batch": 4096, "accumulate": 4097}`, schemas.OutOfRange, "accumulate"},
		{`{"ema": 1}`, schemas.OutOfRange, "ema"},
		{`{"clip": -1}`, schemas.OutOfRange, "clip"},
		{`{"target": "score"}`, schemas.UnknownValue, "target"},
		{`{"time": "betta"}`, schemas.UnknownValue, "time.use"},
		{`{"time": {"use": "uniform", "std": 2}}`, schemas.Conflict, "time"},
		{`{"optimizer": "adm"}`, schemas.UnknownValue, "optimizer.use"},
		{`{"optimizer": {"use": "sgd", "beta1": 0.9}}`, schemas.Conflict, "optimizer.beta1"},
		{`{"optimizer": {"use": "adam", "momentum": 0.9}}`, schemas.Conflict, "optimizer.momentum"},
		{`{"optimizer": {"use": "lion", "momentum": 0.9}}`, schemas.Conflict, "optimizer.momentum"},
		{`{"optimizer": {"use": "lion", "eps": 1e-8}}`, schemas.Conflict, "optimizer.eps"},
		{`{"optimizer": {"lr": 0}}`, schemas.OutOfRange, "optimizer.lr"},
		{`{"schedule": {"use": "constant", "final": 0.1}}`, schemas.Conflict, "schedule.final"},
		{`{"steps": 10, "schedule": {"use": "cosine", "warmup": 11}}`, schemas.Conflict, "schedule.warmup"},
		{`{"schedule": {"warmup": 5001}}`, schemas.Conflict, "schedule.warmup"},
		{`{"steps": 1000000, "log_every": 1}`, schemas.OutOfRange, "log_every"},
		{`{"loss": "l1"}`, schemas.UnknownValue, "loss.use"},
		{`{"loss": {"use": "mse", "delta": 1}}`, schemas.Conflict, "loss.delta"},
		{`{"loss": {"use": "huber", "c": 1}}`, schemas.Conflict, "loss.c"},
		{`{"loss": {"use": "huber", "delta": 0}}`, schemas.OutOfRange, "loss.delta"},
		{`{"weight": {"use": "uniform", "gamma": 5}}`, schemas.Conflict, "weight.gamma"},
		{`{"weight": "snr"}`, schemas.UnknownValue, "weight.use"},
	} {
		errs := decode(t, c.text)
		if len(errs) != 1 || errs[0].Reason != c.reason {
			t.Errorf("%s: %v", c.text, errs)
			continue
		}
		if at := errs[0].Path; at != c.path && at+".use" != c.path {
			t.Errorf("%s: at %q, not %q", c.text, at, c.path)
		}
	}
}

func TestConfigMakesOptions(t *testing.T) {
	type made struct {
		Rule     optim.Rule
		LR       float64
		Schedule optim.Schedule
		Time     TimeSampler
		Steps    int64
	}
	adamw := optim.DefaultAdamW()
	for text, want := range map[string]made{
		`{}`: {adamw, 1e-3, optim.Constant{}, Uniform{}, 5000},
		`{"steps": 70, "optimizer": "adam", "schedule": "cosine", "time": "stratified"}`: {optim.DefaultAdam(), 1e-3, optim.Cosine{}, Stratified{}, 70},
		`{"epochs": 3, "optimizer": {"use": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}, "time": {"use": "logit-normal", "mean": -1}}`: {
			optim.SGD{Momentum: 0.9, WeightDecay: 0.2}, 0.1, optim.Constant{}, LogitNormal{-1, 1}, 12}, // 3 * 1000 / 256, rounded up
		`{"steps": 9, "optimizer": {"use": "lion", "lr": 1e-4, "beta2": 0.98, "weight_decay": 0.1}}`: {
			optim.Lion{Betas: []float64{0.9, 0.98}, WeightDecay: 0.1}, 1e-4, optim.Constant{}, Uniform{}, 9},
		`{"epochs": 3, "batch": 100, "accumulate": 4}`: {adamw, 1e-3, optim.Constant{}, Uniform{}, 8}, // 3 * 1000 / 400, rounded up
		`{"schedule": "warmup"}`:                       {adamw, 1e-3, optim.Warmup{Steps: 250, Then: optim.Constant{}}, Uniform{}, 5000},
		`{"schedule": {"use": "cosine", "warmup": 9, "final": 0.1}, "optimizer": {"beta1": 0.5, "beta2": 0.6, "eps": 0.1, "weight_decay": 0}}`: {
			optim.AdamW{Betas: []float64{0.5, 0.6}, Eps: 0.1}, 1e-3, optim.Warmup{Steps: 9, Then: optim.Cosine{Final: 0.1}}, Uniform{}, 5000},
	} {
		schema, err := pipeline.SchemaOf(DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		var c Config
		if err := schema.Decode(json.RawMessage(text), &c); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		steps := c.steps(1000)
		got := made{c.Optimizer.rule(), c.Optimizer.LR, c.Schedule.schedule(steps), c.Time.sampler(), steps}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, not %+v", text, got, want)
		}
	}
}

package model_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// conditional are the definitions that take conditions.
func conditional(t testing.TB) map[string]model.Definition {
	t.Helper()
	all := map[string]model.Definition{}
	for name, config := range map[string]string{
		"mlp, held":        `{"hidden":[9,8]}`,
		"mlp, embedded":    `{"hidden":[9],"activation":"tanh","time":{"use":"concat"},"embedding":4}`,
		"ffjord, held":     `{"hidden":[5,6]}`,
		"resmlp, held":     `{"width":7,"blocks":2}`,
		"resmlp, embedded": `{"width":7,"blocks":1,"embedding":2}`,
	} {
		use, _, _ := strings.Cut(name, ",")
		d, err := model.Builtin()[use]([]byte(config))
		if err != nil {
			t.Fatal(name, err)
		}
		all[name] = d
	}
	return all
}

// A network with conditions depends on them, says nothing about them, and its
// loss takes no notice of what is wanted of them.
func TestHeldColumns(t *testing.T) {
	ctx := context.Background()
	const d, held, rows = 2, 3, 5
	for name, def := range conditional(t) {
		n := fields(t)[name]
		if n.Dim() != d+held || model.Held(n) != held {
			t.Fatalf("%s: %d columns, %d held", name, n.Dim(), model.Held(n))
		}
		x, at, target := make([]float32, rows*(d+held)), make([]float64, rows), make([]float32, rows*(d+held))
		for i := range x {
			x[i], target[i] = float32(i%7)/7, float32(i%3)
		}
		v, w := make([]float32, len(x)), make([]float32, len(x))
		if err := n.Eval(ctx, v, at, x, rows); err != nil {
			t.Fatal(err)
		}
		loss, err := n.Gradient(ctx, nil, at, x, target, nil, rows)
		if err != nil {
			t.Fatal(err)
		}
		other := slices.Clone(x)
		for r := range rows {
			if !slices.Equal(v[r*(d+held)+d:(r+1)*(d+held)], make([]float32, held)) {
				t.Errorf("%s: row %d has the velocity %v", name, r, v[r*(d+held):(r+1)*(d+held)])
			}
			for i := range held {
				target[r*(d+held)+d+i] += 100
				other[r*(d+held)+d+i] += 0.25
			}
		}
		if err := n.Eval(ctx, w, at, other, rows); err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			if v[r*(d+held)] == w[r*(d+held)] {
				t.Errorf("%s: row %d does not follow its conditions", name, r)
			}
		}
		if again, err := n.Gradient(ctx, nil, at, x, target, nil, rows); err != nil || again != loss {
			t.Errorf("%s: loss %v with other targets of conditions, %v before; %v", name, again, loss, err)
		}
		// Nothing held is the network of before.
		a, err := model.Build(def, d, 0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := def.Build(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []model.Network{a, b} {
			n.Init(random.Key(3))
		}
		if err := a.Eval(ctx, v, at, x, rows); err != nil {
			t.Fatal(err)
		}
		if err := b.Eval(ctx, w, at, x, rows); err != nil || !slices.Equal(v[:rows*d], w[:rows*d]) || len(a.Tensors()) != len(b.Tensors()) {
			t.Errorf("%s: another network without conditions; %v", name, err)
		}
	}
}

// unconditional is a definition that takes no conditions.
type unconditional struct{ model.Definition }

func TestModelsThatTakeNoConditions(t *testing.T) {
	d := conditional(t)["mlp, held"]
	if _, err := model.Build(unconditional{d}, 2, 1); err == nil || !strings.Contains(err.Error(), "mlp takes no conditions") {
		t.Error(err)
	}
	if _, err := model.Build(unconditional{d}, 2, 0); err != nil {
		t.Error(err)
	}
	for _, held := range []int{-1, 1 << 20} {
		if _, err := model.Build(d, 2, held); err == nil {
			t.Errorf("%d columns of conditions are built", held)
		}
	}
	if !json.Valid(d.Config()) || strings.Contains(string(d.Config()), "embedding") {
		t.Errorf("config %s", d.Config())
	}
}

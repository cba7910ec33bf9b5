package remote

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/stages/coupling"
)

// patient is a coupling that has its pairs when the context ends.
type patient struct{ coupling.Optimal }

func (patient) PairContext(ctx context.Context, _ []int32, _, _ []float32, _, _ int, _ []float64) error {
	<-ctx.Done()
	return ctx.Err()
}

// The context of a pairing is that of the call, on both sides.
func TestPairingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, answer, _ := couplingBinding().offer(nil, patient{})
	cancel()
	if _, err := answer(ctx, "pair", ofRows(2, 1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	for _, facts := range []string{"{}", `{"draws": true}`} {
		ctx, cancel := context.WithCancel(t.Context())
		_, v, err := liar{kind: "coupling", facts: facts, says: func(call context.Context, method string, _ wire.Message) (wire.Message, bool) {
			if method == "pair" {
				cancel()
				<-call.Done()
			}
			return wire.Message{}, false
		}}.service(t)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.(coupling.Interruptible).PairContext(ctx, make([]int32, 3), make([]float32, 6), make([]float32, 6), 3, 2, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// Rows that nobody pairs at a time are not paired, nor asked after.
func TestPairedRowsAreBounded(t *testing.T) {
	_, answer, _ := couplingBinding().offer(nil, coupling.NewOptimal())
	for method, m := range map[string]wire.Message{"pair": ofRows(maxPaired+1, 1), "memory": {Values: []byte(`{"rows": 1048577}`)}} {
		if _, err := answer(t.Context(), method, m); err == nil || !strings.Contains(err.Error(), "1048577 rows") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// ofRows is a call with noise and data of so many rows.
func ofRows(rows, dim int) wire.Message {
	x := make([]float32, rows*dim)
	m := message(wire.ColumnOf("x0", x, dim), wire.ColumnOf("x1", x, dim))
	m.Values = []byte(`{"dim": 1}`)
	return m
}

package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// recorded joins two sessions, of which the first is recorded.
func recorded(t testing.TB, r *Recorder, host, plugin Handler) (*Session, *Session) {
	a, b := newPipes()
	h := NewSession(a, Options{Host: true, Handler: host, Recorder: r})
	p := NewSession(b, Options{Handler: plugin})
	var both sync.WaitGroup
	both.Go(func() { _ = h.Run() })
	both.Go(func() { _ = p.Run() })
	t.Cleanup(func() {
		a.close()
		both.Wait()
	})
	return h, p
}

// What was recorded is what was said: the calls that are kept and those under
// way with their arguments, and every answer that they needed.
func TestRecording(t *testing.T) {
	r := &Recorder{Open: &pluginpb.Open{Kind: "path", Use: "x"}}
	var p *Session
	held := make(chan struct{})
	asked := make(chan struct{})
	var h *Session
	h, p = recorded(t, r,
		func(_ context.Context, _, method string, m Message) (Message, error) {
			switch method {
			case "fails":
				return Message{}, schemas.Errorf(schemas.NonFinite, "no number")
			case "rows":
				return Message{Rows: func(context.Context) (Rows, error) {
					return &counted{n: 3, closed: make(chan struct{})}, nil
				}}, nil
			}
			return Message{Values: m.Values, Batches: []arrow.Record{numbers(7)}}, nil
		},
		func(ctx context.Context, _, method string, m Message) (Message, error) {
			if method != "solve" {
				return Message{Values: []byte("made")}, nil
			}
			for _, what := range []string{"eval", "fails"} {
				_, _ = p.Call(ctx, "field/1", what, Message{Values: []byte("p"), Batches: []arrow.Record{numbers(5)}})
			}
			rows, err := p.Read(ctx, "table/1", "rows", Message{})
			if err != nil {
				return Message{}, err
			}
			for err == nil {
				_, err = rows.Next(ctx)
			}
			close(asked)
			<-held
			return Message{}, nil
		})
	if _, err := h.Call(t.Context(), "", "run", Message{Values: []byte("r")}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Call(t.Context(), "x/1", "other", Message{}); err != nil {
		t.Fatal(err)
	}
	in := numbers(1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = h.Call(t.Context(), "s/1", "solve", Message{Values: []byte("v"), Batches: []arrow.Record{in}})
	}()
	<-asked
	seq, target, method, ok := r.Last()
	if !ok || seq != 5 || target != "s/1" || method != "solve" {
		t.Error(seq, target, method, ok)
	}
	var whole bytes.Buffer
	cut, err := r.Write(&whole, 1<<20, false)
	if err != nil || cut {
		t.Fatal(cut, err)
	}
	close(held)
	<-ended
	got, err := ReadRecording(bytes.NewReader(whole.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if got.Cut || got.Open.GetUse() != "x" || got.Flight != 1 || len(got.Calls) != 2 || got.Calls[0].Method != "run" ||
		got.Calls[1].Method != "solve" || string(got.Calls[1].Message.Values) != "v" || !array.RecordEqual(got.Calls[1].Message.Batches[0], in) {
		t.Errorf("recorded: %+v", got)
	}
	ask := got.Handler()
	out, err := ask(t.Context(), "field/1", "eval", Message{Values: []byte("p"), Batches: []arrow.Record{numbers(5)}})
	if err != nil || string(out.Values) != "p" || !array.RecordEqual(out.Batches[0], numbers(7)) {
		t.Errorf("the answer is %+v, %v", out, err)
	}
	_, err = ask(t.Context(), "field/1", "fails", Message{})
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.NonFinite {
		t.Error(err)
	}
	out, err = ask(t.Context(), "table/1", "rows", Message{})
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := out.Rows(t.Context())
	n := 0
	for {
		rec, err := rows.Next(t.Context())
		if err == io.EOF {
			break
		}
		n += int(rec.NumRows())
	}
	if n != 3000 {
		t.Errorf("%d rows", n)
	}
	if _, err = ask(t.Context(), "field/1", "eval", Message{}); err == nil {
		t.Error("an answer is given twice")
	}
	if !got.Beyond() {
		t.Error("the plugin is not seen to go on")
	}
	// Of a call that has ended the answers are forgotten, the call is not.
	var after bytes.Buffer
	if _, err := r.Write(&after, 1<<20, true); err != nil {
		t.Fatal(err)
	}
	if got, err = ReadRecording(&after); err != nil || len(got.Answers) != 0 || len(got.Calls) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	// One that is too large is cut, and says so.
	for _, limit := range []int64{0, 100, int64(whole.Len()) - 5} {
		var part bytes.Buffer
		cut, err := r.Write(&part, limit, true)
		if err != nil || int64(part.Len()) > limit+100 {
			t.Errorf("%d bytes of %d: %v", part.Len(), limit, err)
		}
		if limit <= 100 && !cut {
			t.Errorf("%d bytes are said to be all", part.Len())
		}
	}
	for at := range whole.Len() {
		if got, err := ReadRecording(bytes.NewReader(whole.Bytes()[:at])); err == nil && !got.Cut {
			t.Fatalf("the first %d bytes of %d pass for all", at, whole.Len())
		}
	}
}

// The latest of what is written again and again is kept; answers are few bytes.
func TestRecorderIsBounded(t *testing.T) {
	r := &Recorder{Open: &pluginpb.Open{}, Keep: func(_, method string) bool { return method == "write" }}
	for i := range 3000 {
		seq := uint64(2*i + 1)
		r.called(seq, "n/1", "write", false, Message{Batches: []arrow.Record{numbers(i % 10)}})
		for range 3 {
			r.answered(&pluginpb.Call{Target: "f", Method: "eval"}, Message{}, Message{Batches: []arrow.Record{numbers(10_000)}}, nil)
		}
		r.ended(seq, Message{}, true)
	}
	if len(r.kept) != 1 || r.kept[0].in.Batches[0].NumRows() != 2999%10 || r.bytes > answersBytes || !r.cut {
		t.Errorf("%d calls, %d bytes, cut %v", len(r.kept), r.bytes, r.cut)
	}
	r.forget()
	if len(r.answers) != 0 || r.bytes != 0 {
		t.Error("it does not let go")
	}
	var none *Recorder
	none.called(1, "", "", false, Message{})
	none.ended(1, Message{}, true)
	none.forget()
}

func FuzzRecording(f *testing.F) {
	r := &Recorder{Open: &pluginpb.Open{Kind: "path"}}
	r.called(1, "", "run", false, Message{Values: []byte("x"), Batches: []arrow.Record{numbers(3)}})
	r.answered(&pluginpb.Call{Target: "f", Method: "eval"}, Message{}, Message{Batches: []arrow.Record{numbers(2)}}, nil)
	r.answered(&pluginpb.Call{Target: "f", Method: "eval"}, Message{}, Message{}, errors.New("x"))
	var b bytes.Buffer
	if _, err := r.Write(&b, 1<<20, false); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if got, err := ReadRecording(bytes.NewReader(raw)); err == nil {
			for _, a := range got.Answers {
				_, _ = got.Handler()(context.Background(), a.Target, a.Method, Message{Values: a.Params})
			}
		}
	})
}

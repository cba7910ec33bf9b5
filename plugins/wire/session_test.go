package wire

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe is one side of a stream in memory. Frames are marshalled, as on a wire.
type pipe struct {
	out, in chan []byte
	done    chan struct{} // closed when either side ends
	once    *sync.Once
}

func newPipes() (a, b *pipe) {
	x, y, done, once := make(chan []byte, 4), make(chan []byte, 4), make(chan struct{}), &sync.Once{}
	return &pipe{x, y, done, once}, &pipe{y, x, done, once}
}

func (p *pipe) close() { p.once.Do(func() { close(p.done) }) }

func (p *pipe) Send(f *pluginpb.Frame) error {
	raw, err := proto.Marshal(f)
	if err != nil {
		return err
	}
	select {
	case p.out <- raw:
		return nil
	case <-p.done:
		return io.ErrClosedPipe
	}
}

func (p *pipe) Recv() (*pluginpb.Frame, error) {
	select {
	case raw := <-p.in:
		f := &pluginpb.Frame{}
		return f, proto.Unmarshal(raw, f)
	case <-p.done:
		return nil, io.EOF
	}
}

// pair joins two sessions, which end with the test.
func pair(t testing.TB, host, plugin Handler) (*Session, *Session) {
	a, b := newPipes()
	h := NewSession(a, Options{Host: true, Handler: host, Window: 1 << 20})
	p := NewSession(b, Options{Handler: plugin, Window: 1 << 20})
	var both sync.WaitGroup
	both.Go(func() { _ = h.Run() })
	both.Go(func() { _ = p.Run() })
	t.Cleanup(func() {
		a.close()
		both.Wait()
	})
	return h, p
}

func numbers(n int) arrow.Record {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	return Batch(ColumnOf("x", x, 0))
}

func echo(_ context.Context, _, _ string, m Message) (Message, error) {
	return Message{Values: m.Values, Batches: m.Batches}, nil
}

// Values of any size come back as they went, however many calls are under way.
func TestCall(t *testing.T) {
	h, _ := pair(t, nil, echo)
	var all sync.WaitGroup
	for _, n := range []int{0, 1, 1000, 600_000, 2_000_000} { // the last two travel in pieces
		all.Go(func() {
			in := []arrow.Record{numbers(n), numbers(3)}
			out, err := h.Call(t.Context(), "", "echo", Message{Values: []byte("v"), Batches: in})
			if err != nil {
				t.Error(err)
				return
			}
			if string(out.Values) != "v" || len(out.Batches) != 2 || !array.RecordEqual(in[0], out.Batches[0]) || !array.RecordEqual(in[1], out.Batches[1]) {
				t.Errorf("%d rows came back changed", n)
			}
		})
	}
	all.Wait()
}

// A call may call back, and be called back.
func TestNestedCalls(t *testing.T) {
	var h, p *Session
	down := func(s **Session) Handler {
		return func(ctx context.Context, target, method string, m Message) (Message, error) {
			if n := len(m.Values); n > 0 {
				return (*s).Call(ctx, target, method, Message{Values: m.Values[1:]})
			}
			return Message{Values: []byte("bottom")}, nil
		}
	}
	h, p = pair(t, down(&h), down(&p))
	for range 20 {
		out, err := h.Call(t.Context(), "", "dig", Message{Values: make([]byte, 9)})
		if err != nil || string(out.Values) != "bottom" {
			t.Fatal(string(out.Values), err)
		}
	}
}

// counted gives n batches.
type counted struct {
	n, at  int
	fail   error
	closed chan struct{}
}

func (c *counted) Next(ctx context.Context) (arrow.Record, error) {
	if c.at == c.n {
		if c.fail != nil {
			return nil, c.fail
		}
		return nil, io.EOF
	}
	c.at++
	return numbers(1000), ctx.Err()
}

func (c *counted) Close() error { close(c.closed); return nil }

func TestRead(t *testing.T) {
	var source *counted
	h, _ := pair(t, nil, func(context.Context, string, string, Message) (Message, error) {
		return Message{Rows: func(context.Context) (Rows, error) { return source, nil }}, nil
	})
	fail := schemas.Errorf(schemas.NullValue, "row 7 has a null")
	for _, c := range []struct {
		n, stop int // stop: batches after which the reader closes, -1 never
		fail    error
	}{{0, -1, nil}, {3, -1, nil}, {1000, -1, nil}, {1000, 5, nil}, {1000, 0, nil}, {10, -1, fail}} {
		source = &counted{n: c.n, fail: c.fail, closed: make(chan struct{})}
		rows, err := h.Read(t.Context(), "", "read", Message{})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for got != c.stop {
			rec, e := rows.Next(t.Context())
			if err = e; err != nil {
				break
			}
			got += int(rec.NumRows()) / 1000
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		<-source.closed // also when the reader went away
		switch {
		case c.stop >= 0:
			if source.at > 300 { // the window is 1 MiB
				t.Errorf("%d batches were sent to a reader of %d", source.at, c.stop)
			}
		case c.fail != nil:
			if !strings.Contains(err.Error(), "row 7") {
				t.Errorf("error is %v", err)
			}
		case err != io.EOF || got != c.n:
			t.Errorf("%d of %d batches came, then %v", got, c.n, err)
		}
	}
}

// A call that is given up ends the handler, and goes on as soon as that has ended.
func TestCancelReachesTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		h, _ := pair(t, nil, func(ctx context.Context, _, _ string, _ Message) (Message, error) {
			<-ctx.Done()
			time.Sleep(50 * time.Millisecond)
			ended = true
			return Message{}, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now() // in the time of the bubble
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := h.Call(ctx, "", "wait", Message{}); !errors.Is(err, context.Canceled) || !ended {
			t.Error(err, ended)
		}
		if passed := time.Since(begin); passed != 70*time.Millisecond {
			t.Errorf("a call that was given up ended after %s", passed)
		}
	})
}

func TestErrorsKeepWhatUsersRead(t *testing.T) {
	want := errors.Join(
		schemas.Errorf(schemas.OutOfRange, "too much").At("columns[2]").Suggest("take less"),
		schemas.Errorf(schemas.Conflict, "both").At("from.data"))
	h, _ := pair(t, nil, func(context.Context, string, string, Message) (Message, error) { return Message{}, want })
	_, err := h.Call(t.Context(), "", "x", Message{})
	if err == nil || err.Error() != want.Error() {
		t.Errorf("error is %v, not %v", err, want)
	}
	list := schemas.Errors(err, schemas.StageFailed)
	if len(list) != 2 || list[0].Reason != schemas.OutOfRange || list[0].Path != "columns[2]" || list[1].Reason != schemas.Conflict {
		t.Errorf("errors are %v", list)
	}
}

func result(seq uint64, more bool) *pluginpb.Frame {
	return &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{More: more}}}
}

func end(seq, batches, rows uint64) *pluginpb.Frame {
	return &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_End{End: &pluginpb.End{Batches: batches, Rows: rows}}}
}

func itemFrame(seq uint64, id uint32, payload []byte) *pluginpb.Frame {
	return &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Item{Item: &pluginpb.Item{Batch: &pluginpb.Batch{Schema: id, Payload: payload}}}}
}

func callFrame(seq uint64) *pluginpb.Frame {
	return &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{}}}
}

// A side that breaks the protocol ends the session with an error of that
// reason, in every way that there is to break it.
func TestBrokenProtocol(t *testing.T) {
	schema, _ := SchemaToProto(numbers(1).Schema())
	schema.Id = 1
	announce := func(f *pluginpb.Frame) *pluginpb.Frame {
		f.Schemas = append(f.Schemas, proto.Clone(schema).(*pluginpb.Schema))
		return f
	}
	good, _ := Encode(numbers(10))
	big, _ := Encode(numbers(100_000))
	for name, frames := range map[string][]*pluginpb.Frame{
		"no body":               {{Seq: 1}},
		"result for nobody":     {result(3, false)},
		"result twice":          {result(1, true), result(1, false)},
		"plugin's own result":   {result(2, false)},
		"end before result":     {end(1, 0, 0)},
		"wrong end":             {result(1, true), announce(itemFrame(1, 1, good)), end(1, 1, 11)},
		"end twice":             {result(1, true), end(1, 0, 0), end(1, 0, 0)},
		"item after end":        {result(1, true), end(1, 0, 0), announce(itemFrame(1, 1, good))},
		"unknown schema":        {result(1, true), itemFrame(1, 1, good)},
		"schema out of order":   {result(1, true), announce(announce(itemFrame(1, 1, good)))},
		"broken payload":        {result(1, true), announce(itemFrame(1, 1, good[:len(good)-1]))},
		"more than credit":      {result(1, true), announce(itemFrame(1, 1, big)), itemFrame(1, 1, big), itemFrame(1, 1, big), itemFrame(1, 1, big)},
		"call with our number":  {callFrame(5)},
		"call number falls":     {callFrame(4), callFrame(2)},
		"open in the middle":    {{Body: &pluginpb.Frame_Open{Open: &pluginpb.Open{}}}},
		"item of no call":       {announce(itemFrame(9, 1, good))},
		"huge index of a batch": {result(1, true), announce(&pluginpb.Frame{Seq: 1, Body: &pluginpb.Frame_Item{Item: &pluginpb.Item{Index: 1 << 30, Batch: &pluginpb.Batch{Schema: 1, Payload: good}}}})},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newPipes()
			h := NewSession(a, Options{Host: true, Handler: echo, Window: 1 << 20, Abort: func(error) { a.close() }})
			ran := make(chan error, 1)
			go func() { ran <- h.Run() }()
			called := make(chan struct{})
			go func() {
				defer close(called)
				rows, err := h.Read(t.Context(), "", "read", Message{})
				if err != nil {
					return
				}
				// Nothing is taken, so nothing is credited, until the session ends.
				<-h.Done()
				_ = rows.Close()
			}()
			if _, err := b.Recv(); err != nil { // the call
				t.Fatal(err)
			}
			go func() { // what the host sends
				for {
					if _, err := b.Recv(); err != nil {
						return
					}
				}
			}()
			for _, f := range frames {
				if b.Send(f) != nil {
					break
				}
			}
			select {
			case err := <-ran:
				var e *schemas.Error
				if !errors.As(err, &e) || e.Reason != schemas.PluginProtocol {
					t.Errorf("the session ended with %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("the session goes on")
				a.close()
				<-ran
			}
			<-called
		})
	}
}

// Frames of any content end a session or do not; nothing hangs and nothing
// panics.
func TestRandomFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 300 {
		a, b := newPipes()
		h := NewSession(a, Options{Host: true, Handler: echo, Abort: func(error) { a.close() }})
		ran := make(chan struct{})
		go func() { _ = h.Run(); close(ran) }()
		go func() {
			for {
				if _, err := b.Recv(); err != nil {
					return
				}
			}
		}()
		for range 20 {
			raw, _ := proto.Marshal(randomFrame(r))
			for range r.IntN(3) {
				raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
			}
			f := &pluginpb.Frame{}
			if proto.Unmarshal(raw, f) == nil && b.Send(f) != nil {
				break
			}
		}
		a.close()
		<-ran
	}
}

func randomFrame(r *rand.Rand) *pluginpb.Frame {
	seq := uint64(r.IntN(6))
	schema, _ := SchemaToProto(numbers(1).Schema())
	schema.Id = 1
	payload, _ := Encode(numbers(3))
	frames := []*pluginpb.Frame{result(seq, r.IntN(2) == 0), end(seq, 1, 3), itemFrame(seq, 1, payload), callFrame(seq),
		{Seq: seq, Body: &pluginpb.Frame_Cancel{Cancel: &pluginpb.Cancel{}}},
		{Seq: seq, Body: &pluginpb.Frame_Credit{Credit: &pluginpb.Credit{Bytes: 1 << 63}}},
		{Seq: seq, Body: &pluginpb.Frame_Fault{Fault: &pluginpb.Fault{}}}}
	f := frames[r.IntN(len(frames))]
	if r.IntN(2) == 0 {
		f.Schemas = append(f.Schemas, schema)
	}
	return f
}

// Close ends the plugin's side although the host has not ended its stream.
func TestCloseEndsThePlugin(t *testing.T) {
	a, b := newPipes()
	defer a.close()
	closed := make(chan struct{})
	p := NewSession(b, Options{Close: func() { close(closed) }, Handler: func(ctx context.Context, _, _ string, _ Message) (Message, error) {
		<-ctx.Done()
		return Message{}, ctx.Err()
	}})
	ended := make(chan error, 1)
	go func() { ended <- p.Run() }()
	for _, f := range []*pluginpb.Frame{{Seq: 1, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Method: "waits"}}},
		{Body: &pluginpb.Frame_Close{Close: &pluginpb.Close{}}}} {
		if err := a.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("the session ends with %v", err)
	}
	<-closed
}

// endless gives batches for ever.
type endless struct{}

func (endless) Next(ctx context.Context) (arrow.Record, error) { return numbers(10_000), ctx.Err() }
func (endless) Close() error                                   { return nil }

// A side that stops in the middle of its own call stalls as one that does not
// answer: when it reads rows and gives no credit, when it does not read at all,
// when it is asked back. While an answer is worked on here it may be silent.
func TestStallWhileAnswering(t *testing.T) {
	for _, method := range []string{"credit", "deaf", "back", "slow"} {
		t.Run(method, func(t *testing.T) {
			const stall = 200 * time.Millisecond
			a, b := newPipes()
			var h *Session
			h = NewSession(a, Options{Host: true, Stall: stall, Window: 1 << 20, Abort: func(error) { a.close() },
				Handler: func(ctx context.Context, _, _ string, _ Message) (Message, error) {
					switch method {
					case "slow":
						time.Sleep(3 * stall)
						return Message{}, nil
					case "back":
						return h.Call(ctx, "", "more", Message{})
					}
					return Message{Rows: func(context.Context) (Rows, error) { return endless{}, nil }}, nil
				}})
			ran := make(chan struct{})
			go func() {
				defer close(ran)
				_ = h.Run()
			}()
			called := make(chan error, 1)
			go func() {
				_, err := h.Call(context.Background(), "", "x", Message{})
				called <- err
			}()
			if _, err := b.Recv(); err != nil { // the call
				t.Fatal(err)
			}
			if err := b.Send(callFrame(2)); err != nil {
				t.Fatal(err)
			}
			if method != "deaf" {
				go func() {
					for {
						f, err := b.Recv()
						if err != nil {
							return
						}
						if method == "slow" && f.Seq == 2 && f.GetResult() != nil {
							_ = b.Send(result(1, false))
						}
					}
				}()
			}
			err := <-called
			var e *schemas.Error
			if method == "slow" {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.As(err, &e) || e.Reason != schemas.PluginTimeout {
				t.Errorf("the call ended with %v", err)
			}
			a.close()
			<-ran
		})
	}
}

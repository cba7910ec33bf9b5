package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/plugins/segment"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// segments gives the two ends of shared memory of so many bytes, with blocks
// overwritten as soon as they are free.
func segments(t testing.TB, bytes int) (host, plugin *segment.Pair) {
	t.Helper()
	t.Setenv(SharedMemory, "test")
	h, offer, err := segment.Make(bytes)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := segment.Open(offer)
	if err != nil {
		t.Fatal(err)
	}
	h.Out.Opened()
	h.In.Opened()
	return &h, &p
}

// sharing joins two sessions by shared memory; stop ends both.
func sharing(t testing.TB, bytes int, host, plugin Handler) (h, p *Session, stop func()) {
	a, b := newPipes()
	hs, ps := segments(t, bytes)
	h = NewSession(a, Options{Host: true, Handler: host, Window: 1 << 20, Shared: hs, Abort: func(error) { a.close() }})
	p = NewSession(b, Options{Handler: plugin, Window: 1 << 20, Shared: ps, Abort: func(error) { a.close() }})
	var both sync.WaitGroup
	both.Go(func() {
		if err := h.Run(); err != nil {
			t.Error("the host's side:", err)
		}
	})
	both.Go(func() {
		if err := p.Run(); err != nil {
			t.Error("the plugin's side:", err)
		}
	})
	stop = sync.OnceFunc(func() {
		a.close()
		both.Wait()
	})
	t.Cleanup(stop)
	return h, p, stop
}

// mapped counts the mappings of segments in this process.
func mapped(t testing.TB) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	return strings.Count(string(maps), "memfd:pathline")
}

// Values of any size come back as they went through segments with and without
// room for them, every block is free again, and nothing stays mapped.
func TestSharedValues(t *testing.T) {
	for _, bytes := range []int{1 << 20, 64 << 20} {
		h, p, stop := sharing(t, bytes, nil, echo)
		var all sync.WaitGroup
		for _, n := range []int{0, 1, 1000, 40_000, 600_000, 2_000_000} {
			for range 3 {
				all.Go(func() {
					in := []arrow.Record{numbers(n), numbers(3)}
					out, err := h.Call(t.Context(), "", "echo", Message{Batches: in})
					if err != nil {
						t.Error(err)
						return
					}
					if len(out.Batches) != 2 || !array.RecordEqual(in[0], out.Batches[0]) || !array.RecordEqual(in[1], out.Batches[1]) {
						t.Errorf("%d rows came back changed", n)
					}
					out.Release()
				})
			}
		}
		all.Wait()
		if b, _ := h.shared.blocks.Take(1); b.Generation < 3 {
			t.Errorf("of %d bytes %d blocks were used", bytes, b.Generation-1)
		} else {
			h.shared.blocks.Give(b.Generation)
		}
		// One more call each way carries what was released last.
		for range 2 {
			if _, err := h.Call(t.Context(), "", "echo", Message{}); err != nil {
				t.Fatal(err)
			}
		}
		for side, s := range map[string]*Session{"host": h, "plugin": p} {
			if n := s.shared.blocks.Taken(); n != 0 {
				t.Errorf("%d blocks of the %s are still taken", n, side)
			}
		}
		stop()
		if n := mapped(t); n != 0 {
			t.Errorf("%d segments are still mapped", n)
		}
	}
}

// Batches of a stream stay what they are while they are held, however many
// follow, and their memory is used again.
func TestSharedStreams(t *testing.T) {
	const batches, rows = 200, 50_000
	h, p, stop := sharing(t, 8<<20, nil, func(context.Context, string, string, Message) (Message, error) {
		return Message{Rows: func(context.Context) (Rows, error) { return &stamped{n: batches, rows: rows}, nil }}, nil
	})
	for _, stopAt := range []int{batches, 7, 0} {
		in, err := h.Read(t.Context(), "", "read", Message{})
		if err != nil {
			t.Fatal(err)
		}
		var kept []arrow.Record
		for i := range stopAt {
			rec, err := in.Next(t.Context())
			if err != nil {
				t.Fatal(i, err)
			}
			kept = append(kept, rec)
			if len(kept) == 5 {
				for k, rec := range kept {
					want := float64(i - 4 + k)
					x := rec.Column(0).(*array.Float64)
					for r := range x.Len() {
						if x.Value(r) != want {
							t.Fatalf("batch %v holds %v at row %d", want, x.Value(r), r)
						}
					}
					rec.Release()
				}
				kept = nil
			}
		}
		if stopAt == batches {
			if _, err := in.Next(t.Context()); err != io.EOF {
				t.Error(err)
			}
		}
		Message{Batches: kept}.Release()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	if n := p.shared.blocks.Taken(); n > 20 { // what was not told when the session ended
		t.Errorf("%d blocks are still taken", n)
	}
	if n := mapped(t); n != 0 {
		t.Errorf("%d segments are still mapped", n)
	}
}

// stamped gives batches that each hold their number only.
type stamped struct{ n, rows, at int }

func (s *stamped) Next(context.Context) (arrow.Record, error) {
	if s.at == s.n {
		return nil, io.EOF
	}
	x := make([]float64, s.rows)
	for i := range x {
		x[i] = float64(s.at)
	}
	s.at++
	return Batch(ColumnOf("x", x, 0)), nil
}

func (*stamped) Close() error { return nil }

// A row that no frame can hold is refused with shared memory as without.
func TestSharedWideRow(t *testing.T) {
	wide := Batch(ColumnOf("x", make([]uint8, FrameBytes+1), FrameBytes+1))
	for _, join := range []func() *Session{
		func() *Session { h, _ := pair(t, nil, echo); return h },
		func() *Session { h, _, _ := sharing(t, 128<<20, nil, echo); return h },
	} {
		_, err := join().Call(t.Context(), "", "echo", Message{Batches: []arrow.Record{wide}})
		var e *schemas.Error
		if !errors.As(err, &e) || e.Reason != schemas.TooLarge {
			t.Errorf("error is %v", err)
		}
	}
}

// Whatever a side says of blocks that is not so ends the session.
func TestBrokenBlocks(t *testing.T) {
	const bytes = 1 << 20
	schema, _ := SchemaToProto(numbers(1).Schema())
	schema.Id = 1
	item := func(b *pluginpb.Block, payload []byte) *pluginpb.Frame {
		return &pluginpb.Frame{Seq: 1, Body: &pluginpb.Frame_Item{Item: &pluginpb.Item{Batch: &pluginpb.Batch{Schema: 1, Block: b, Payload: payload}}}}
	}
	good, _ := Encode(numbers(10))
	block := func(offset, length, generation uint64) *pluginpb.Block {
		return &pluginpb.Block{Offset: offset, Length: length, Generation: generation}
	}
	n := uint64(len(good))
	for name, frames := range map[string][]*pluginpb.Frame{
		"beyond the end":        {item(block(bytes, n, 1), nil)},
		"over the end":          {item(block(bytes-64, n, 1), nil)},
		"length wraps":          {item(block(64, 1<<64-1, 1), nil)},
		"offset wraps":          {item(block(1<<64-64, 128, 1), nil)},
		"not aligned":           {item(block(1, n, 1), nil)},
		"too short":             {item(block(0, n-1, 1), nil)},
		"empty":                 {item(block(0, 0, 1), nil)},
		"generation 0":          {item(block(0, n, 0), nil)},
		"generation again":      {item(block(0, n, 1), nil), item(block(0, n, 1), nil)},
		"also in the frame":     {item(block(0, n, 1), good)},
		"never taken":           {{Released: []uint64{7}}},
		"zeros":                 {item(block(bytes/2, 4096, 1), nil)},
		"metadata out of block": {item(block(bytes-4096, 4096, 1), nil)},
	} {
		for _, shares := range []bool{true, false} {
			a, b := newPipes()
			var hs, ps *segment.Pair
			if shares {
				hs, ps = segments(t, bytes)
				copy(ps.Out.Bytes(), good)
				copy(ps.Out.Bytes()[bytes-4096:], []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x7f})
			}
			h := NewSession(a, Options{Host: true, Shared: hs, Abort: func(error) { a.close() }})
			ran := make(chan error, 1)
			go func() { ran <- h.Run() }()
			go func() {
				if rows, err := h.Read(t.Context(), "", "read", Message{}); err == nil {
					<-h.Done()
					_ = rows.Close()
				}
			}()
			if _, err := b.Recv(); err != nil {
				t.Fatal(err)
			}
			first := result(1, true)
			first.Schemas = []*pluginpb.Schema{schema}
			for _, f := range append([]*pluginpb.Frame{first}, frames...) {
				if b.Send(f) != nil {
					break
				}
			}
			select {
			case err := <-ran:
				var e *schemas.Error
				if !errors.As(err, &e) || e.Reason != schemas.PluginProtocol {
					t.Errorf("%s: the session ended with %v", name, err)
				}
			case <-time.After(5 * time.Second):
				t.Errorf("%s: the session goes on", name)
				a.close()
				<-ran
			}
			if ps != nil {
				ps.Release()
			}
		}
	}
}

// What the other side writes into a block after it was checked changes values,
// and nothing else: not where is read.
func TestBlockChangesAfterTheCheck(t *testing.T) {
	hs, ps := segments(t, 1<<20)
	defer ps.Release()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil))
	for i := range 100 {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprint("text ", i))
		if i%3 == 0 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Float64Builder).Append(1)
		}
	}
	rec := b.NewRecord()
	raw, err := Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	copy(ps.Out.Bytes(), raw)
	h := newShared(hs)
	payload, k, err := h.find(&pluginpb.Block{Length: uint64(len(raw)), Generation: 1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(rec.Schema(), payload, k)
	if err != nil {
		t.Fatal(err)
	}
	k.Free(nil)
	if !array.RecordEqual(got, rec) {
		t.Error("a batch arrived changed")
	}
	for i := range ps.Out.Bytes()[:len(raw)] {
		ps.Out.Bytes()[i] = 0xff
	}
	for i := range 100 {
		if s := got.Column(0).(*array.String).Value(i); len(s) != len(fmt.Sprint("text ", i)) {
			t.Errorf("string %d has %d bytes now", i, len(s))
		}
		if got.Column(1).IsNull(i) != (i%3 == 0) {
			t.Errorf("value %d changed whether it is null", i)
		}
	}
	got.Release()
	if len(h.pending()) != 1 {
		t.Error("the block was not given back")
	}
	h.end()
}

// Large batches come back as they went, as values and as rows, through shared
// memory and through frames: 8 MiB always, 1 GiB where there is time.
func TestLargeBatches(t *testing.T) {
	sizes := []int{8 << 20, 80 << 20}
	if os.Getenv("PATHLINE_SOAK") != "" {
		sizes = append(sizes, 1<<30)
	}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, bytes := range sizes {
		x := make([]float64, bytes/8)
		for i := range x {
			x[i] = float64(i)
		}
		sent := Batch(ColumnOf("x", x, 8))
		serve := func(ctx context.Context, _, method string, m Message) (Message, error) {
			if method == "read" {
				return Message{Rows: func(context.Context) (Rows, error) { return &single{rec: sent}, nil }}, nil
			}
			return echo(ctx, "", method, m)
		}
		for name, join := range map[string]func() *Session{
			"frames":        func() *Session { h, _ := pair(t, nil, serve); return h },
			"shared memory": func() *Session { h, _, _ := sharing(t, SegmentBytes, nil, serve); return h },
		} {
			h := join()
			out, err := h.Call(t.Context(), "", "echo", Message{Batches: []arrow.Record{sent}})
			if err != nil {
				t.Fatal(name, err)
			}
			if !array.RecordEqual(out.Batches[0], sent) {
				t.Errorf("%s: a value of %d MiB came back changed", name, bytes>>20)
			}
			out.Release()
			in, err := h.Read(t.Context(), "", "read", Message{})
			if err != nil {
				t.Fatal(name, err)
			}
			at := int64(0)
			for {
				rec, err := in.Next(t.Context())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(name, err)
				}
				want := sent.NewSlice(at, at+rec.NumRows())
				if !array.RecordEqual(rec, want) {
					t.Fatalf("%s: rows from %d on came changed", name, at)
				}
				at += rec.NumRows()
				want.Release()
				rec.Release()
			}
			if at != sent.NumRows() {
				t.Errorf("%s: %d rows came of %d", name, at, sent.NumRows())
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// single gives one batch.
type single struct {
	rec  arrow.Record
	done bool
}

func (s *single) Next(context.Context) (arrow.Record, error) {
	if s.done {
		return nil, io.EOF
	}
	s.done = true
	s.rec.Retain()
	return s.rec, nil
}

func (*single) Close() error { return nil }

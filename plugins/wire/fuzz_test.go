package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// script is a stream that plays frames and takes whatever is sent.
type script struct {
	in   *bytes.Reader
	once sync.Once
	sent chan struct{}
	left int
}

func (s *script) Send(f *pluginpb.Frame) error {
	if f.GetCall() != nil {
		select {
		case s.sent <- struct{}{}:
		default:
		}
	}
	return nil
}

func (s *script) Recv() (*pluginpb.Frame, error) {
	s.once.Do(func() {
		for range s.left {
			<-s.sent
		}
	})
	f := &pluginpb.Frame{}
	if err := (protodelim.UnmarshalOptions{MaxSize: 1 << 20}).UnmarshalFrom(s.in, f); err != nil {
		return nil, io.EOF // as a stream that ends
	}
	return f, nil
}

func delimited(frames ...*pluginpb.Frame) []byte {
	var b bytes.Buffer
	for _, f := range frames {
		if _, err := protodelim.MarshalTo(&b, f); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// FuzzSession plays frames of any content to a host that waits for two answers
// and reads rows: the session ends in order or with an error that says that the
// protocol is broken, everybody who waits is told, and every batch that arrives
// can be read to its last byte.
func FuzzSession(f *testing.F) {
	schema, err := SchemaToProto(numbers(1).Schema())
	if err != nil {
		f.Fatal(err)
	}
	schema.Id = 1
	with := func(f *pluginpb.Frame) *pluginpb.Frame {
		f = proto.Clone(f).(*pluginpb.Frame)
		f.Schemas = []*pluginpb.Schema{schema}
		return f
	}
	payload, err := Encode(numbers(3))
	if err != nil {
		f.Fatal(err)
	}
	whole := result(1, false)
	whole.GetResult().Batches = []*pluginpb.Batch{{Schema: 1, Payload: payload}}
	ask := callFrame(2)
	ask.GetCall().Batches = []*pluginpb.Batch{{Schema: 1, Payload: payload}}
	more := callFrame(4)
	more.GetCall().More = true
	for _, frames := range [][]*pluginpb.Frame{
		{with(whole), result(3, true), itemFrame(3, 1, payload), end(3, 1, 3), result(5, true), itemFrame(5, 1, payload), end(5, 1, 3)},
		{with(ask), more, itemFrame(4, 1, payload), end(4, 1, 3), {Seq: 2, Body: &pluginpb.Frame_Cancel{Cancel: &pluginpb.Cancel{}}}},
		{{Seq: 1, Body: &pluginpb.Frame_Fault{Fault: &pluginpb.Fault{Diagnostics: []*pluginpb.Diagnostic{{Reason: "non_finite", Message: "x"}}}}}},
		{{Body: &pluginpb.Frame_Progress{Progress: &pluginpb.Progress{Event: []byte("{}")}}}, {Seq: 5, Body: &pluginpb.Frame_Credit{Credit: &pluginpb.Credit{Bytes: 1 << 63}}}},
		{with(&pluginpb.Frame{Seq: 1, Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Batches: []*pluginpb.Batch{{Schema: 1, Block: &pluginpb.Block{Offset: 64, Length: 1 << 40, Generation: 1}}}}}}), {Released: []uint64{1, 2}}},
		{{Body: &pluginpb.Frame_Close{Close: &pluginpb.Close{}}}, result(3, true), end(3, 0, 0), end(3, 0, 0)},
	} {
		f.Add(delimited(frames...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &script{in: bytes.NewReader(raw), sent: make(chan struct{}, 3), left: 3}
		r := &Recorder{Open: &pluginpb.Open{}}
		h := NewSession(s, Options{Host: true, Window: 1 << 16, Recorder: r,
			Handler: func(ctx context.Context, _, _ string, m Message) (Message, error) {
				touchAll(m.Batches)
				return Message{Values: m.Values}, ctx.Err()
			}, Progress: func([]byte) {}, Stop: func() {}, Close: func() {}})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				out, err := h.Call(context.Background(), "x", "call", Message{})
				if err == nil {
					touchAll(out.Batches)
					out.Release()
				}
			})
		}
		all.Go(func() {
			rows, err := h.Read(context.Background(), "x", "read", Message{})
			if err != nil {
				return
			}
			defer rows.Close()
			for {
				rec, err := rows.Next(context.Background())
				if err != nil {
					return
				}
				touch(rec)
				rec.Release()
			}
		})
		err := h.Run()
		all.Wait()
		var e *schemas.Error
		if err != nil && (!errors.As(err, &e) || e.Reason != schemas.PluginProtocol) {
			t.Errorf("the session ended with %v", err)
		}
	})
}

func touchAll(recs []arrow.Record) {
	for _, rec := range recs {
		touch(rec)
	}
}

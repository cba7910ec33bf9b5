package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// A recording is a file of frames, each with its length before it (protodelim)
// and with the schemas that it uses, numbered from 1:
//
//	open
//	call*                        of the host, kept ones first; `more`: it reads rows
//	(call result item* | fault)* of the plugin, with what it was answered;
//	                             `released` is the checksum of its arguments
//	end                          absent when the recording is cut; batches says
//	                             how many calls are the last ones, not kept
//
// Payloads are inline.

// Recording is what shows a failure again.
type Recording struct {
	Open    *pluginpb.Open
	Calls   []RecordedCall // in order; the last ones were under way
	Flight  int            // how many of them were
	Answers []RecordedAnswer
	Cut     bool // something is missing

	beyond atomic.Bool
}

// Beyond says whether the plugin has asked for more than what it was answered:
// it went on past the moment of the recording.
func (r *Recording) Beyond() bool { return r.beyond.Load() }

// RecordedCall is a call of the host.
type RecordedCall struct {
	Target, Method string
	Reads          bool // rows
	Message        Message
}

// RecordedAnswer is what a call of the plugin got.
type RecordedAnswer struct {
	Target, Method string
	Params         []byte
	Sum            uint32
	Message        Message
	Rows           []arrow.Record
	Stream         bool
	Fault          *pluginpb.Fault
}

// Write writes what was recorded, at most limit bytes of it, and says whether
// something is missing. The session may go on. ended takes the last call that
// ended for the one that failed when none is under way: its answer was found
// wrong, and its caller waits.
func (r *Recorder) Write(w io.Writer, limit int64, ended bool) (cut bool, err error) {
	if r == nil || r.Open == nil {
		return true, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := recordingWriter{w: w, left: limit, cut: r.cut}
	open := proto.Clone(r.Open).(*pluginpb.Open)
	open.SharedMemory = nil
	out.frame(&pluginpb.Frame{Body: &pluginpb.Frame_Open{Open: open}}, nil, nil)
	flight := r.flight
	if ended && len(flight) == 0 && r.last != nil {
		flight = []*recordedCall{r.last}
	}
	for _, c := range r.kept {
		under := false
		for _, f := range flight {
			under = under || f == c
		}
		if !under {
			out.call(c)
		}
	}
	for _, c := range flight {
		out.call(c)
	}
	for i, a := range r.answers {
		out.answer(uint64(2*i+2), a)
	}
	if !out.cut {
		out.frame(&pluginpb.Frame{Body: &pluginpb.Frame_End{End: &pluginpb.End{Batches: uint64(len(flight))}}}, nil, nil)
	}
	return out.cut, out.err
}

type recordingWriter struct {
	w    io.Writer
	left int64
	cut  bool
	err  error
}

// frame writes a frame with its batches, unless it is too large.
func (w *recordingWriter) frame(f *pluginpb.Frame, recs []arrow.Record, to *[]*pluginpb.Batch) bool {
	return w.encode(f, recs, to) && w.write(f)
}

// encode adds batches and their schemas to a frame.
func (w *recordingWriter) encode(f *pluginpb.Frame, recs []arrow.Record, to *[]*pluginpb.Batch) bool {
	for _, rec := range recs {
		schema, err := SchemaToProto(rec.Schema())
		var payload []byte
		if err == nil && int64(size(rec)) <= w.left {
			payload, err = Encode(rec)
		}
		if err != nil || payload == nil {
			w.cut = true
			return false
		}
		schema.Id = uint32(len(f.Schemas) + 1)
		f.Schemas = append(f.Schemas, schema)
		*to = append(*to, &pluginpb.Batch{Schema: schema.Id, Payload: payload})
	}
	return true
}

func (w *recordingWriter) write(f *pluginpb.Frame) bool {
	n := int64(proto.Size(f))
	if n > w.left || w.err != nil {
		w.cut = true
		return false
	}
	w.left -= n
	_, w.err = protodelim.MarshalTo(w.w, f)
	return w.err == nil
}

func (w *recordingWriter) call(c *recordedCall) {
	call := &pluginpb.Call{Target: c.target, Method: c.method, Params: c.in.Values, Ports: c.in.Ports, More: c.rows}
	w.frame(&pluginpb.Frame{Seq: c.seq, Body: &pluginpb.Frame_Call{Call: call}}, c.in.Batches, &call.Batches)
}

func (w *recordingWriter) answer(seq uint64, a *recordedAnswer) {
	if !w.frame(&pluginpb.Frame{Seq: seq, Released: []uint64{uint64(a.sum)},
		Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Target: a.target, Method: a.method, Params: a.params}}}, nil, nil) {
		return
	}
	if a.err != nil {
		w.frame(&pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Fault{Fault: FaultOf(a.err)}}, nil, nil)
		return
	}
	result := &pluginpb.Result{Values: a.out.Values, Outputs: a.out.Outputs, More: a.stream}
	if !w.frame(&pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Result{Result: result}}, a.out.Batches, &result.Batches) {
		return
	}
	for _, rec := range a.rows {
		var one []*pluginpb.Batch
		item := &pluginpb.Item{}
		f := &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Item{Item: item}}
		if !w.encode(f, []arrow.Record{rec}, &one) {
			return
		}
		item.Batch = one[0]
		if !w.write(f) {
			return
		}
	}
}

// Limits of a recording that is read: it may come from anybody.
const (
	maxRecording = 128 << 20
	maxRecorded  = 1 << 20 // frames
)

// ReadRecording reads what Write wrote. The bytes are hostile.
func ReadRecording(r io.Reader) (*Recording, error) {
	in := bufio.NewReader(io.LimitReader(r, maxRecording))
	out := &Recording{Cut: true}
	refuse := func(format string, a ...any) (*Recording, error) {
		return nil, schemas.Errorf(schemas.CorruptFile, "the recording "+format, a...)
	}
	for n := 0; ; n++ {
		f := &pluginpb.Frame{}
		err := protodelim.UnmarshalOptions{MaxSize: maxRecording}.UnmarshalFrom(in, f)
		switch {
		case err == io.EOF && n > 0:
			return out, nil
		case errors.Is(err, io.ErrUnexpectedEOF) && n > 0:
			out.Cut = true
			return out, nil
		case err != nil:
			return refuse("cannot be read: %w", err)
		case n == maxRecorded || !out.Cut:
			return refuse("has more frames than it may have")
		}
		if n == 0 {
			if out.Open = f.GetOpen(); out.Open == nil {
				return refuse("does not begin with open")
			}
			continue
		}
		last := len(out.Answers) - 1
		switch b := f.Body.(type) {
		case *pluginpb.Frame_Call:
			c := b.Call
			if f.Seq%2 == 0 {
				a := RecordedAnswer{Target: c.GetTarget(), Method: c.GetMethod(), Params: c.GetParams()}
				if len(f.Released) > 0 {
					a.Sum = uint32(f.Released[0])
				}
				out.Answers = append(out.Answers, a)
				continue
			}
			recs, err := decodeOwn(f.Schemas, c.GetBatches())
			if err != nil {
				return nil, err
			}
			out.Calls = append(out.Calls, RecordedCall{c.GetTarget(), c.GetMethod(), c.GetMore(),
				Message{Values: c.GetParams(), Ports: c.GetPorts(), Batches: recs}})
		case *pluginpb.Frame_Result:
			recs, err := decodeOwn(f.Schemas, b.Result.GetBatches())
			if err != nil {
				return nil, err
			}
			if last < 0 {
				return refuse("answers what was not asked")
			}
			out.Answers[last].Message = Message{Values: b.Result.GetValues(), Outputs: b.Result.GetOutputs(), Batches: recs}
			out.Answers[last].Stream = b.Result.GetMore()
		case *pluginpb.Frame_Item:
			recs, err := decodeOwn(f.Schemas, []*pluginpb.Batch{b.Item.GetBatch()})
			if err != nil {
				return nil, err
			}
			if last < 0 {
				return refuse("answers what was not asked")
			}
			out.Answers[last].Rows = append(out.Answers[last].Rows, recs...)
		case *pluginpb.Frame_Fault:
			if last < 0 {
				return refuse("answers what was not asked")
			}
			out.Answers[last].Fault = b.Fault
		case *pluginpb.Frame_End:
			out.Cut = false
			out.Flight = int(min(b.End.GetBatches(), uint64(len(out.Calls))))
		default:
			return refuse("has a frame of another kind")
		}
	}
}

// decodeOwn reads batches whose schemas are in the same frame.
func decodeOwn(list []*pluginpb.Schema, batches []*pluginpb.Batch) ([]arrow.Record, error) {
	var out []arrow.Record
	if len(batches) > maxParts {
		return nil, schemas.Errorf(schemas.CorruptFile, "the recording has a message of %d batches", len(batches))
	}
	for _, b := range batches {
		id := int(b.GetSchema())
		if id < 1 || id > len(list) {
			return nil, schemas.Errorf(schemas.CorruptFile, "the recording has a batch of schema %d of %d", id, len(list))
		}
		schema, err := SchemaFromProto(list[id-1])
		if err != nil {
			return nil, schemas.Errorf(schemas.CorruptFile, "the recording: %w", err)
		}
		rec, err := Decode(schema, b.GetPayload())
		if err != nil {
			return nil, schemas.Errorf(schemas.CorruptFile, "the recording: %w", err)
		}
		out = append(out, rec)
	}
	return out, nil
}

// Handler answers the plugin's calls as they were answered: by the same
// arguments, else in the order of the recording.
func (r *Recording) Handler() Handler {
	var mu sync.Mutex
	used := make([]bool, len(r.Answers))
	return func(_ context.Context, target, method string, m Message) (Message, error) {
		sum := sample(m.Batches)
		mu.Lock()
		found := -1
		for i, a := range r.Answers {
			if used[i] || a.Target != target || a.Method != method {
				continue
			}
			if a.Sum == sum && bytes.Equal(a.Params, m.Values) {
				found = i
				break
			}
			if found < 0 {
				found = i
			}
		}
		if found < 0 {
			mu.Unlock()
			r.beyond.Store(true)
			return Message{}, schemas.Errorf(schemas.PluginProtocol, "the recording has no answer to %s of %q", method, target)
		}
		used[found] = true
		a := r.Answers[found]
		mu.Unlock()
		if a.Fault != nil {
			return Message{}, ErrorOf(a.Fault.GetDiagnostics())
		}
		if a.Stream {
			return Message{Values: a.Message.Values, Rows: func(context.Context) (Rows, error) { return &replayed{a.Rows}, nil }}, nil
		}
		return a.Message, nil
	}
}

type replayed struct{ left []arrow.Record }

func (s *replayed) Next(context.Context) (arrow.Record, error) {
	if len(s.left) == 0 {
		return nil, io.EOF
	}
	rec := s.left[0]
	s.left = s.left[1:]
	rec.Retain() // the sender releases it
	return rec, nil
}

func (s *replayed) Close() error { return nil }

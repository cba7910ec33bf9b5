package wire

import (
	"context"
	"hash/crc32"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Recorder remembers what it takes to show a failure of the other side again:
// how the instance was opened, the calls that made its state, the calls that are
// under way, and what it was answered meanwhile. It holds references and copies
// nothing: the arguments of a call are not written before it ends, and what a
// handler gave is not written again. A nil Recorder records nothing. Its methods
// may be called concurrently.
type Recorder struct {
	Open *pluginpb.Open                   // set before the session begins
	Keep func(target, method string) bool // calls whose effect later calls need; nil: those of the instance

	mu      sync.Mutex
	kept    []*recordedCall
	flight  []*recordedCall // in the order in which they began
	last    *recordedCall   // the last one that ended: its answer may be found wrong
	answers []*recordedAnswer
	bytes   int64 // of answers
	cut     bool
}

const (
	maxKept      = 1000
	maxAnswers   = 100_000
	answersBytes = 32 << 20
)

type recordedCall struct {
	seq            uint64
	target, method string
	rows           bool // it reads a stream
	in             Message
	out            Message // without batches
	answered       bool
}

type recordedAnswer struct {
	target, method string
	params         []byte
	sum            uint32 // of the arguments, see sample
	out            Message
	stream         bool
	rows           []arrow.Record // of the stream
	err            error
	kept           bool // given while a call that is kept was under way
	bytes          int64
	gone           bool
}

func (r *Recorder) keep(target, method string) bool {
	if r.Keep == nil {
		return target == ""
	}
	return r.Keep(target, method)
}

// called records a call of this side.
func (r *Recorder) called(seq uint64, target, method string, rows bool, m Message) {
	if r == nil {
		return
	}
	c := &recordedCall{seq: seq, target: target, method: method, rows: rows, in: Message{Values: m.Values, Ports: m.Ports, Batches: m.Batches}}
	c.in.retain()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flight = append(r.flight, c)
	if !r.keep(target, method) {
		return
	}
	if len(m.Batches) > 0 {
		// Of state that is written again and again the last counts.
		for i, k := range r.kept {
			if k.target == target && k.method == method {
				r.kept = append(r.kept[:i:i], r.kept[i+1:]...)
				k.in.release()
				break
			}
		}
	}
	if len(r.kept) == maxKept {
		r.cut = true
		return
	}
	c.in.retain()
	r.kept = append(r.kept, c)
}

// ended says that a call is over.
func (r *Recorder) ended(seq uint64, out Message, ok bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.flight {
		if c.seq != seq {
			continue
		}
		c.out, c.answered = Message{Values: out.Values, Outputs: out.Outputs}, ok
		r.flight = append(r.flight[:i:i], r.flight[i+1:]...)
		if r.last != nil {
			r.last.in.release()
		}
		r.last = c
		break
	}
	if len(r.flight) > 0 {
		return
	}
	kept := r.answers[:0:0]
	for _, a := range r.answers {
		if a.kept {
			kept = append(kept, a)
		} else {
			r.bytes -= a.bytes
			a.release()
		}
	}
	r.answers = kept
}

// answered records what a call of the other side got, and gives what is to be
// sent: rows are recorded on their way.
func (r *Recorder) answered(c *pluginpb.Call, in, out Message, err error) Message {
	if r == nil {
		return out
	}
	a := &recordedAnswer{target: c.GetTarget(), method: c.GetMethod(), params: c.GetParams(), sum: sample(in.Batches),
		out: Message{Values: out.Values, Outputs: out.Outputs, Batches: out.Batches}, stream: out.Rows != nil, err: err}
	r.mu.Lock()
	for _, c := range r.flight {
		a.kept = a.kept || r.keep(c.target, c.method)
	}
	r.add(a, out.Batches)
	r.mu.Unlock()
	if out.Rows != nil {
		open := out.Rows
		out.Rows = func(ctx context.Context) (Rows, error) {
			rows, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return &recordedRows{rows, r, a}, nil
		}
	}
	return out
}

// add keeps an answer, or counts more of one that is kept. The oldest give way.
func (r *Recorder) add(a *recordedAnswer, recs []arrow.Record) {
	n := int64(len(a.params) + len(a.out.Values))
	if a.bytes > 0 {
		n = 0
	} else {
		r.answers = append(r.answers, a)
	}
	for _, rec := range recs {
		n += int64(size(rec))
	}
	Message{Batches: recs}.retain()
	a.bytes += n + 1
	r.bytes += n + 1
	for (r.bytes > answersBytes || len(r.answers) > maxAnswers) && len(r.answers) > 0 {
		r.bytes -= r.answers[0].bytes
		r.answers[0].release()
		r.answers[0] = nil
		r.answers = r.answers[1:]
		r.cut = true
	}
}

// recordedRows is a stream on its way to the other side.
type recordedRows struct {
	Rows
	r *Recorder
	a *recordedAnswer
}

func (s *recordedRows) Next(ctx context.Context) (arrow.Record, error) {
	rec, err := s.Rows.Next(ctx)
	if err == nil {
		s.r.mu.Lock()
		if !s.a.gone {
			s.a.rows = append(s.a.rows, rec)
			s.r.add(s.a, []arrow.Record{rec})
		}
		s.r.mu.Unlock()
	}
	return rec, err
}

// forget lets go of everything: the session has ended.
func (r *Recorder) forget() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var light []*recordedCall // what Kept gives is wanted after the end
	for _, c := range r.kept {
		c.in.release()
		if len(c.in.Batches) == 0 {
			light = append(light, c)
		}
	}
	for _, c := range r.flight {
		c.in.release()
	}
	if r.last != nil {
		r.last.in.release()
	}
	for _, a := range r.answers {
		a.release()
	}
	r.kept, r.flight, r.last, r.answers, r.bytes = light, nil, nil, nil, 0
}

// Batches may lie in memory that is counted; the collector frees the others.
func (m Message) retain() {
	for _, rec := range m.Batches {
		rec.Retain()
	}
}

func (m Message) release() {
	for _, rec := range m.Batches {
		rec.Release()
	}
}

func (a *recordedAnswer) release() {
	a.out.release()
	Message{Batches: a.rows}.release()
	a.out.Batches, a.rows, a.gone = nil, nil, true
}

// sampled is how much of a buffer tells arguments apart.
const sampled = 4 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sample tells the arguments of calls apart that are answered at the same time:
// a checksum of their shapes and of the beginning of every column.
func sample(recs []arrow.Record) uint32 {
	var sum uint32
	var visit func(d arrow.ArrayData)
	visit = func(d arrow.ArrayData) {
		for _, b := range d.Buffers() {
			if b != nil {
				raw := b.Bytes()
				sum = crc32.Update(sum, castagnoli, raw[:min(len(raw), sampled)])
			}
		}
		for _, c := range d.Children() {
			visit(c)
		}
	}
	for _, rec := range recs {
		n := rec.NumRows()
		sum = crc32.Update(sum, castagnoli, []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
		for _, c := range rec.Columns() {
			visit(c.Data())
		}
	}
	return sum
}

// Last says which call of this side is under way, or was the last: the one that
// a failure belongs to. ok is false when there was none.
func (r *Recorder) Last() (seq uint64, target, method string, ok bool) {
	if r == nil {
		return 0, "", "", false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.last
	if n := len(r.flight); n > 0 {
		c = r.flight[n-1]
	}
	if c == nil {
		return 0, "", "", false
	}
	return c.seq, c.target, c.method, true
}

// Kept is a call whose effect later calls need, with its answer.
type Kept struct {
	Target, Method string
	In, Out        Message
}

// Kept gives the calls that are kept, in order, of those that were answered.
func (r *Recorder) Kept() []Kept {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Kept
	for _, c := range r.kept {
		if c.answered {
			out = append(out, Kept{c.target, c.method, c.in, c.out})
		}
	}
	return out
}

//go:build unix

package plugins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// villain is a plugin that speaks the protocol without the package and does one
// deed in one state of a session: VILLAIN is STATE/DEED. Otherwise it is a path,
// and a loader of three batches.
type villain struct {
	pluginpb.UnimplementedPluginServer
	state, deed string

	// One session is used.
	done, announced bool
}

func init() {
	manners["villain"] = serveVillain
	manners["moment"] = func() {
		dieAtAMoment()
		Serve(ownRegistry(), "own", "1")
	}
	manners["mute"] = func() { // says nothing when it is asked for its stacks
		signal.Ignore(syscall.SIGQUIT)
		Serve(ownRegistry(), "own", "1")
	}
	killSelf = func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	}
}

func serveVillain() {
	v := &villain{}
	v.state, v.deed, _ = strings.Cut(os.Getenv("VILLAIN"), "/")
	l, err := net.Listen("unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s"))
	if err != nil {
		panic(err)
	}
	go func() { // the lifeline
		_, _ = os.Stdin.Read(make([]byte, 1))
		if v.state == "close" {
			v.act()
		}
		os.Exit(0)
	}()
	v.at("handshake")
	fmt.Printf("1|1|unix|%s|grpc\n", l.Addr())
	s := grpc.NewServer(grpc.ForceServerCodec(rawCodec{}), grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32))
	pluginpb.RegisterPluginServer(s, v)
	_ = s.Serve(l)
}

// rawCodec sends a frame that carries only unknown bytes as those bytes.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(m any) ([]byte, error) {
	if f, ok := m.(*pluginpb.Frame); ok && f.Seq == rawSeq {
		return f.GetProgress().GetEvent(), nil
	}
	return proto.Marshal(m.(proto.Message))
}

func (rawCodec) Unmarshal(b []byte, m any) error { return proto.Unmarshal(b, m.(proto.Message)) }

const rawSeq = math.MaxUint64

// rawBytes is a frame that arrives as the bytes.
func rawBytes(b []byte) *pluginpb.Frame {
	return &pluginpb.Frame{Seq: rawSeq, Body: &pluginpb.Frame_Progress{Progress: &pluginpb.Progress{Event: b}}}
}

// at does the deed when this is its state and it is one of a process.
func (v *villain) at(state string) {
	if v.state == state {
		v.act()
	}
}

// act does what a process can do in any state.
func (v *villain) act() {
	switch v.deed {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Hour)
	case "hang":
		time.Sleep(time.Hour)
	case "exit-0":
		os.Exit(0)
	case "exit-1":
		os.Exit(1)
	case "exit-3":
		fmt.Fprintln(os.Stderr, "out of paint")
		os.Exit(3)
	case "closes-outputs":
		if v.state != "handshake" {
			os.Stdout.Close()
		}
		os.Stderr.Close()
	case "message":
		fmt.Fprintln(os.Stderr, `{"@message":5}`)
	case "long-line":
		os.Stderr.WriteString(strings.Repeat("x", 1<<20))
	case "noise":
		noise := make([]byte, 1<<18)
		r := rand.NewChaCha8([32]byte{7})
		_, _ = r.Read(noise)
		os.Stderr.Write(append(noise, "\x1b[2J\x00\x1b]0;title\a"...))
	case "flood":
		os.Stderr.WriteString(strings.Repeat("flood\n", 100_000))
	}
}

func (v *villain) Describe(context.Context, *pluginpb.DescribeRequest) (*pluginpb.DescribeResponse, error) {
	v.at("describe")
	config := []byte(`{"type":"object","properties":{}}`)
	out := &pluginpb.DescribeResponse{Name: "villain", Version: "1"}
	for _, i := range [][2]string{{"path", "p"}, {"loader", "l"}} {
		out.Implementations = append(out.Implementations, &pluginpb.Implementation{Kind: i[0], Name: i[1], Version: "1", ConfigSchema: config})
	}
	if v.state == "describe" {
		switch v.deed {
		case "deep-json":
			out.Implementations[0].ConfigSchema = []byte(strings.Repeat(`{"properties":{"a":`, 200_000))
		case "no-json":
			out.Implementations[0].ConfigSchema = []byte("\xff{")
		case "many":
			for len(out.Implementations) < 100_000 {
				out.Implementations = append(out.Implementations, &pluginpb.Implementation{Kind: "path", Name: "p", ConfigSchema: config})
			}
		case "long-digest":
			out.Code = strings.Repeat("a", 1<<20)
		case "odd-name":
			out.Implementations[0].Name = "a/b\n\x1b[2J"
		}
	}
	return out, nil
}

func (v *villain) Session(s pluginpb.Plugin_SessionServer) error {
	f, err := s.Recv()
	if err != nil {
		return err
	}
	loader := f.GetOpen().GetKind() == "loader"
	opened := &pluginpb.Frame{Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Opened: &pluginpb.Opened{WindowBytes: 1 << 20}}}}
	v.at("open")
	if v.state == "open" {
		if sent, err := v.instead(s, 0, opened); err == errEnds {
			return nil
		} else if sent {
			return err
		}
	}
	if err := s.Send(opened); err != nil {
		return err
	}
	for {
		f, err := s.Recv()
		if err != nil {
			return err
		}
		c := f.GetCall()
		switch {
		case f.GetClose() != nil:
			v.at("close")
			return nil
		case c == nil:
			continue
		case c.GetTarget() == "":
			err = s.Send(&pluginpb.Frame{Seq: f.Seq, Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Outputs: v.outputs(loader)}}})
		case c.GetMethod() == "coefficients":
			err = v.call(s, f)
		case c.GetMethod() == "read":
			err = v.stream(s, f.Seq)
		}
		if err == errEnds {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var errEnds = errors.New("the villain ends the stream in order")

func (v *villain) outputs(loader bool) *pluginpb.Outputs {
	if loader {
		schema := protoSchema(threeRows())
		return &pluginpb.Outputs{Rows: map[string]*pluginpb.Rows{"": {Target: "rows/1", Schema: schema, Count: 9}}}
	}
	facts := []byte(`{"lo":0,"hi":1}`)
	if v.state == "run" {
		switch v.deed {
		case "deep-json":
			facts = []byte(strings.Repeat("[", 1<<20))
		case "large-json":
			facts, _ = json.Marshal(map[string]any{"lo": 0, "hi": 1, "config": strings.Repeat("a", 8<<20)})
		case "nan":
			facts = []byte(`{"lo":NaN,"hi":1}`)
		case "domain":
			facts = []byte(`{"lo":-1e308,"hi":1e308}`)
		case "odd-kind":
			return &pluginpb.Outputs{Service: &pluginpb.Service{Kind: "\x1b[2J", Target: "x"}}
		case "nothing":
			return nil
		case "rows":
			return &pluginpb.Outputs{Rows: map[string]*pluginpb.Rows{"": {Target: "rows/1", Schema: &pluginpb.Schema{Fields: []*pluginpb.Field{{Width: -1 << 31, Type: 99}}}}}}
		}
	}
	return &pluginpb.Outputs{Service: &pluginpb.Service{Kind: "path", Target: "path/1", Facts: facts}}
}

func threeRows() arrow.Record { return wire.Batch(wire.ColumnOf("u", []float64{1, 2, 3}, 0)) }

// sixColumns are the coefficients of a path for n times.
func sixColumns(n int, with float64) arrow.Record {
	var columns []wire.Column
	for _, name := range []string{"alpha", "sigma", "gamma", "dalpha", "dsigma", "dgamma"} {
		x := make([]float64, n)
		for i := range x {
			x[i] = with
		}
		columns = append(columns, wire.ColumnOf(name, x, 0))
	}
	return wire.Batch(columns...)
}

func protoSchema(rec arrow.Record) *pluginpb.Schema {
	s, err := wire.SchemaToProto(rec.Schema())
	if err != nil {
		panic(err)
	}
	s.Id = 1
	return s
}

func payloadOf(rec arrow.Record) []byte {
	b, err := wire.Encode(rec)
	if err != nil {
		panic(err)
	}
	return b
}

// answerWith is a result with a batch that announces its schema.
func answerWith(seq uint64, rec arrow.Record) *pluginpb.Frame {
	return &pluginpb.Frame{Seq: seq, Schemas: []*pluginpb.Schema{protoSchema(rec)},
		Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Batches: []*pluginpb.Batch{{Schema: 1, Payload: payloadOf(rec)}}}}}
}

func (v *villain) call(s pluginpb.Plugin_SessionServer, f *pluginpb.Frame) error {
	if v.state == "deaf" {
		time.Sleep(time.Hour) // what is sent is not read
	}
	good := v.once(answerWith(f.Seq, sixColumns(2, 0.5)))
	if v.state == "call" && !v.done {
		v.done = true
		v.act()
		if sent, err := v.instead(s, f.Seq, good); sent {
			return err
		}
	}
	return s.Send(good)
}

// once leaves schemas out that were announced.
func (v *villain) once(f *pluginpb.Frame) *pluginpb.Frame {
	if v.announced {
		f.Schemas = nil
	}
	v.announced = true
	return f
}

func (v *villain) stream(s pluginpb.Plugin_SessionServer, seq uint64) error {
	rec := threeRows()
	head := &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{More: true}}}
	item := func() *pluginpb.Frame {
		f := &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Item{Item: &pluginpb.Item{Batch: &pluginpb.Batch{Schema: 1, Payload: payloadOf(rec)}}}}
		f.Schemas = []*pluginpb.Schema{protoSchema(rec)}
		return v.once(f)
	}
	end := func(batches, rows uint64) *pluginpb.Frame {
		return &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_End{End: &pluginpb.End{Batches: batches, Rows: rows}}}
	}
	if err := sendAll(s, head, item()); err != nil {
		return err
	}
	if v.state == "stream" && !v.done {
		v.done = true
		v.act()
		switch v.deed {
		case "wrong-end":
			return sendAll(s, item(), end(2, 7))
		case "early-end":
			return sendAll(s, end(1, 3))
		case "two-ends":
			return sendAll(s, item(), item(), end(3, 9), end(3, 9))
		case "item-after-end":
			return sendAll(s, item(), item(), end(3, 9), item())
		case "more-rows":
			return sendAll(s, item(), item(), item(), end(4, 12))
		case "no-rows":
			f := item()
			f.GetItem().Batch.Payload = payloadOf(wire.Batch(wire.ColumnOf("u", []float64{}, 0)))
			return sendAll(s, f)
		case "over-credit":
			// The host takes nothing and credits nothing until it has all.
			big := item()
			big.GetItem().Batch.Payload = payloadOf(wire.Batch(wire.ColumnOf("u", make([]float64, 1<<20), 0)))
			for range 40 {
				if err := s.Send(big); err != nil {
					return err
				}
			}
			return nil
		}
		if sent, err := v.instead(s, seq, item()); sent {
			return err
		}
	}
	return sendAll(s, item(), item(), end(3, 9))
}

func sendAll(s pluginpb.Plugin_SessionServer, frames ...*pluginpb.Frame) error {
	for _, f := range frames {
		if err := s.Send(f); err != nil {
			return err
		}
	}
	return nil
}

// instead does what can be done in the place of a frame.
func (v *villain) instead(s pluginpb.Plugin_SessionServer, seq uint64, good *pluginpb.Frame) (sent bool, err error) {
	clone := func() *pluginpb.Frame { return proto.Clone(good).(*pluginpb.Frame) }
	batch := func(f *pluginpb.Frame) *pluginpb.Batch {
		if i := f.GetItem(); i != nil {
			return i.Batch
		}
		if b := f.GetResult().GetBatches(); len(b) > 0 {
			return b[0]
		}
		return &pluginpb.Batch{}
	}
	f := clone()
	switch v.deed {
	case "wrong-seq":
		f.Seq += 2
	case "own-seq":
		f.Seq++
	case "duplicate":
		return true, sendAll(s, good, clone())
	case "late-call":
		return true, sendAll(s, &pluginpb.Frame{Seq: 8, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Target: "x"}}},
			&pluginpb.Frame{Seq: 2, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Target: "x"}}})
	case "host-call":
		f = &pluginpb.Frame{Seq: seq + 2, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{}}}
	case "no-body":
		f.Body = nil
	case "second-open":
		f = &pluginpb.Frame{Body: &pluginpb.Frame_Open{Open: &pluginpb.Open{}}}
	case "garbage":
		f = rawBytes(bytes.Repeat([]byte{0xff}, 100))
	case "truncated-frame":
		raw, _ := proto.Marshal(good)
		f = rawBytes(raw[:len(raw)-1])
	case "truncated":
		b := batch(f)
		b.Payload = b.Payload[:len(b.Payload)-8]
	case "flipped":
		b := batch(f)
		b.Payload[5] ^= 0x80
	case "10-GB":
		b := batch(f)
		copy(b.Payload[4:8], []byte{0xf8, 0xff, 0xff, 0x7f})
	case "block":
		b := batch(f)
		b.Payload, b.Block = nil, &pluginpb.Block{Offset: 1 << 40, Length: 10 << 30, Generation: 1}
	case "too-large":
		b := batch(f)
		b.Payload = make([]byte, 80<<20)
	case "schema":
		batch(f).Schema = 77
	case "wide-schema":
		f.Schemas = []*pluginpb.Schema{{Id: 1, Fields: []*pluginpb.Field{{Name: "u", Type: pluginpb.Type_FIXED_SIZE_LIST, Width: math.MaxInt32, Children: []*pluginpb.Field{{Name: "x", Type: pluginpb.Type_FLOAT64}}}}}}
		if seq != 0 && len(good.Schemas) == 0 {
			f.Schemas[0].Id = 2
			batch(f).Schema = 2
		}
	case "deep-schema":
		field := &pluginpb.Field{Name: "x", Type: pluginpb.Type_FLOAT64}
		for range 2000 {
			field = &pluginpb.Field{Name: "u", Type: pluginpb.Type_FIXED_SIZE_LIST, Width: 1, Children: []*pluginpb.Field{field}}
		}
		f.Schemas = []*pluginpb.Schema{{Id: 1, Fields: []*pluginpb.Field{field}}}
	case "wrong-columns":
		rec := wire.Batch(wire.ColumnOf("w", []float32{1, 2}, 0))
		f.Schemas = []*pluginpb.Schema{protoSchema(rec)}
		if len(good.Schemas) == 0 {
			f.Schemas[0].Id = 2
			batch(f).Schema = 2
		}
		batch(f).Payload = payloadOf(rec)
	case "wrong-rows":
		batch(f).Payload = payloadOf(sixColumns(7, 0.5))
	case "nan":
		batch(f).Payload = payloadOf(sixColumns(2, math.NaN()))
	case "no-batch":
		f.Body = &pluginpb.Frame_Result{Result: &pluginpb.Result{}}
	case "many-batches":
		r := f.GetResult()
		for len(r.Batches) < 100_000 {
			r.Batches = append(r.Batches, r.Batches[0])
		}
	case "fault":
		f = &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Fault{Fault: &pluginpb.Fault{Diagnostics: []*pluginpb.Diagnostic{{Reason: "no_such_reason", Message: strings.Repeat("m", 1<<20)}}}}}
	case "empty-fault":
		f = &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Fault{Fault: &pluginpb.Fault{}}}
	case "ends":
		return true, errEnds
	case "unknown-object":
		return false, s.Send(&pluginpb.Frame{Seq: 2, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Target: "nobody/7", Method: "x"}}})
	case "many-calls":
		for k := range 10_000 {
			if err := s.Send(&pluginpb.Frame{Seq: uint64(2*k + 2), Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Target: "nobody/7", More: true}}}); err != nil {
				return true, err
			}
		}
	case "progress":
		for _, event := range []string{"{", `{"type":5}`, strings.Repeat("[", 1<<20), strings.Repeat("x", 2<<20), `{"stage":"\u001b[2J"}`} {
			if err := s.Send(&pluginpb.Frame{Body: &pluginpb.Frame_Progress{Progress: &pluginpb.Progress{Event: []byte(event)}}}); err != nil {
				return true, err
			}
		}
		return false, nil
	case "credit":
		for range 100 {
			if err := s.Send(&pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Credit{Credit: &pluginpb.Credit{Bytes: math.MaxUint64}}}); err != nil {
				return true, err
			}
		}
		return false, nil
	case "cancel":
		return false, sendAll(s, &pluginpb.Frame{Seq: seq, Body: &pluginpb.Frame_Cancel{Cancel: &pluginpb.Cancel{}}}, &pluginpb.Frame{Body: &pluginpb.Frame_Close{Close: &pluginpb.Close{}}})
	default:
		return false, nil
	}
	return true, s.Send(f)
}

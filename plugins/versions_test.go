package plugins

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/path"
)

// Two versions of hosts and of SDKs speak with each other: those of this tree,
// and others, of which what they sent is kept in testdata/versions. "first" is
// version 1.0 as it began: no shared memory, no heartbeat, no facts but the
// domain. "later" is one that this tree does not know: fields, capabilities,
// facts and members of configurations that mean nothing here.
var record = flag.Bool("record", false, "write testdata/versions anew; released ones are never written again")

var asked = []float64{0, 0.25, 0.5, 1}

// unknown is a field that no version has yet: number 500, a text.
var unknown = []byte{0xa2, 0x1f, 3, 'n', 'e', 'w'}

func batchOf(t *testing.T, rec arrow.Record, id uint32) (*pluginpb.Schema, *pluginpb.Batch) {
	t.Helper()
	s, err := wire.SchemaToProto(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	s.Id = id
	raw, err := wire.Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	return s, &pluginpb.Batch{Schema: id, Payload: raw}
}

// otherHost is what a host of another version sends for the path power.
func otherHost(t *testing.T, later bool) []*pluginpb.Frame {
	schema, batch := batchOf(t, wire.Batch(wire.ColumnOf("t", asked, 0)), 1)
	open := &pluginpb.Open{Kind: "path", Use: "power", Config: []byte(`{"power":2}`),
		Surroundings: &pluginpb.Surroundings{Stage: "path", Seed: 7, Dir: "/", Threads: 2, LogLevel: "warn"}}
	frames := []*pluginpb.Frame{
		{Body: &pluginpb.Frame_Open{Open: open}},
		{Seq: 1, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Method: "check"}}},
		{Seq: 3, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Method: "run"}}},
		{Seq: 5, Schemas: []*pluginpb.Schema{schema}, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Target: "SERVICE", Method: "coefficients", Batches: []*pluginpb.Batch{batch}}}},
		{Seq: 7, Body: &pluginpb.Frame_Call{Call: &pluginpb.Call{Target: "SERVICE", Method: "forecast"}}},
		{Body: &pluginpb.Frame_Close{Close: &pluginpb.Close{}}},
	}
	if later {
		open.Capabilities = []string{"shm", "telepathy"}
		open.WindowBytes, open.FrameBytes, open.HeartbeatMs = 1<<20, 1<<20, 60_000
		open.SharedMemory = &pluginpb.SharedMemory{HostSegment: "shm://elsewhere/1", PluginSegment: "shm://elsewhere/2", Bytes: 1 << 20, Label: "pathline-x"}
		for _, f := range frames {
			f.ProtoReflect().SetUnknown(unknown)
		}
		open.ProtoReflect().SetUnknown(unknown)
	}
	return frames
}

// otherPlugin is what a plugin of another version answers for the path power,
// by method.
func otherPlugin(t *testing.T, later bool) []*pluginpb.Frame {
	c := make([]path.Coef, len(asked))
	if err := (power{2}).Coefficients(c, asked); err != nil {
		t.Fatal(err)
	}
	var columns []wire.Column
	for _, k := range []struct {
		name string
		of   func(path.Coef) float64
	}{{"alpha", func(c path.Coef) float64 { return c.Alpha }}, {"sigma", func(c path.Coef) float64 { return c.Sigma }},
		{"gamma", func(c path.Coef) float64 { return c.Gamma }}, {"dalpha", func(c path.Coef) float64 { return c.DAlpha }},
		{"dsigma", func(c path.Coef) float64 { return c.DSigma }}, {"dgamma", func(c path.Coef) float64 { return c.DGamma }}} {
		v := make([]float64, len(c))
		for i := range c {
			v[i] = k.of(c[i])
		}
		columns = append(columns, wire.ColumnOf(k.name, v, 0))
	}
	schema, batch := batchOf(t, wire.Batch(columns...), 1)
	facts := `{"lo":0,"hi":1}`
	opened := &pluginpb.Opened{}
	if later {
		facts = `{"lo":0,"hi":1,"use":"power","config":{"power":2},"mood":"good"}`
		opened.Capabilities = []string{"telepathy"}
	}
	service := &pluginpb.Outputs{Service: &pluginpb.Service{Kind: "path", Target: "the path", Facts: []byte(facts)}}
	frames := []*pluginpb.Frame{
		{Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Opened: opened}}},
		{Seq: 1, Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Outputs: service}}},
		{Seq: 3, Schemas: []*pluginpb.Schema{schema}, Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Batches: []*pluginpb.Batch{batch}}}},
	}
	if later {
		for _, f := range frames {
			f.ProtoReflect().SetUnknown(unknown)
		}
		service.ProtoReflect().SetUnknown(unknown)
	}
	return frames
}

// otherDescription is what such a plugin says of itself.
func otherDescription(later bool) *pluginpb.DescribeResponse {
	i := &pluginpb.Implementation{Kind: "path", Name: "power", Doc: "a path",
		ConfigSchema: []byte(`{"type":"object","properties":{"power":{"type":"number","default":2}},"additionalProperties":false}`)}
	d := &pluginpb.DescribeResponse{Name: "other", Version: "0.1", Implementations: []*pluginpb.Implementation{i}}
	if later {
		i.Capabilities, d.Capabilities, d.Version = []string{"telepathy"}, []string{"telepathy"}, "9.1"
		d.Implementations = append(d.Implementations, &pluginpb.Implementation{Kind: "oracle", Name: "delphi", ConfigSchema: []byte(`{"type":"object"}`)})
		d.ProtoReflect().SetUnknown(unknown)
		i.ProtoReflect().SetUnknown(unknown)
	}
	return d
}

// kept reads what was recorded, or records it.
func kept[M proto.Message](t *testing.T, name string, newM func() M, now []M) []M {
	t.Helper()
	file := filepath.Join("testdata", "versions", name)
	if *record {
		var b bytes.Buffer
		for _, m := range now {
			if _, err := protodelim.MarshalTo(&b, m); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(bytes.NewReader(raw))
	var out []M
	for {
		m := newM()
		err := protodelim.UnmarshalFrom(in, m)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
}

func newFrame() *pluginpb.Frame { return &pluginpb.Frame{} }

// other is a plugin of another version: it says what was recorded.
type other struct {
	pluginpb.UnimplementedPluginServer
	description *pluginpb.DescribeResponse
	frames      []*pluginpb.Frame // opened, of check and run, of coefficients
}

func (o *other) Describe(context.Context, *pluginpb.DescribeRequest) (*pluginpb.DescribeResponse, error) {
	return o.description, nil
}

func (o *other) Session(s pluginpb.Plugin_SessionServer) error {
	announced := false
	for {
		f, err := s.Recv()
		if err != nil {
			return nil // the host has ended it
		}
		var answer *pluginpb.Frame
		switch b := f.Body.(type) {
		case *pluginpb.Frame_Open:
			answer = o.frames[0]
		case *pluginpb.Frame_Close:
			return nil
		case *pluginpb.Frame_Call:
			answer = o.frames[1]
			if b.Call.GetMethod() == "coefficients" {
				answer = o.frames[2]
			}
		default:
			continue
		}
		answer = proto.Clone(answer).(*pluginpb.Frame)
		answer.Seq = f.Seq
		if announced {
			answer.Schemas = nil
		}
		announced = announced || len(answer.Schemas) > 0
		if err := s.Send(answer); err != nil {
			return err
		}
	}
}

// A plugin of another version gives this host what it gave its own.
func TestThisHostAndOtherPlugins(t *testing.T) {
	for name, later := range map[string]bool{"first": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			o := &other{frames: kept(t, name+".plugin", newFrame, otherPlugin(t, later)),
				description: kept(t, name+".description", func() *pluginpb.DescribeResponse { return &pluginpb.DescribeResponse{} },
					[]*pluginpb.DescribeResponse{otherDescription(later)})[0]}
			server := grpc.NewServer()
			pluginpb.RegisterPluginServer(server, o)
			address := serveOn(t, server)
			h := newHost(t, io.Discard)
			r := NewRegistry()
			if err := h.Add(t.Context(), r, "mine", Plugin{Address: address}); err != nil {
				t.Fatal(err)
			}
			p := run(t, build(t, r, "path", "mine/power", `{"power":2}`), nil).Service.(path.Path)
			got, want := make([]path.Coef, len(asked)), make([]path.Coef, len(asked))
			if err := p.Coefficients(got, asked); err != nil {
				t.Fatal(err)
			}
			if err := (power{2}).Coefficients(want, asked); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the coefficients are %v, not %v", got, want)
			}
			if _, ok := r.Kind("oracle"); ok {
				t.Error("a kind that is not known here was added")
			}
		})
	}
}

// A host of another version gets from this SDK what it got from its own.
func TestThisPluginAndOtherHosts(t *testing.T) {
	server := grpc.NewServer(serverOptions()...)
	(&service{registry: ownRegistry(), name: "own", version: "1", log: zerolog.Nop()}).register(server)
	conn, err := grpc.NewClient(serveOn(t, server), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, later := range map[string]bool{"first": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			stream, err := pluginpb.NewPluginClient(conn).Session(ctx)
			if err != nil {
				t.Fatal(err)
			}
			answerTo := map[uint64]*pluginpb.Frame{}
			target := ""
			var schema *arrow.Schema
			for _, f := range kept(t, name+".host", newFrame, otherHost(t, later)) {
				if c := f.GetCall(); c.GetTarget() == "SERVICE" {
					c.Target = target
				}
				if err := stream.Send(f); err != nil {
					t.Fatal(err)
				}
				if f.GetClose() != nil {
					break
				}
				a, err := stream.Recv()
				if err != nil {
					t.Fatalf("call %d: %v", f.Seq, err)
				}
				if a.Seq != f.Seq {
					t.Fatalf("call %d is answered as %d", f.Seq, a.Seq)
				}
				for _, s := range a.Schemas {
					if schema, err = wire.SchemaFromProto(s); err != nil {
						t.Fatal(err)
					}
				}
				answerTo[f.Seq] = a
				if s := a.GetResult().GetOutputs().GetService(); s != nil {
					target = s.GetTarget()
				}
			}
			if a := answerTo[0].GetResult().GetOpened(); a == nil || slices.Contains(a.GetCapabilities(), "shm") || slices.Contains(a.GetCapabilities(), "telepathy") {
				t.Errorf("open is answered by %v", answerTo[0])
			}
			batches := answerTo[5].GetResult().GetBatches()
			if len(batches) != 1 || batches[0].Block != nil {
				t.Fatalf("coefficients are answered by %v", answerTo[5])
			}
			rec, err := wire.Decode(schema, batches[0].GetPayload())
			if err != nil {
				t.Fatal(err)
			}
			sigma, err := wire.Values[float64](rec, "dsigma", 0, len(asked))
			if err != nil || !slices.Equal(sigma, []float64{-2, -2, -2, -2}) {
				t.Errorf("dsigma is %v, %v", sigma, err)
			}
			if d := answerTo[7].GetFault().GetDiagnostics(); len(d) != 1 || !strings.Contains(d[0].GetMessage(), "forecast") {
				t.Errorf("a method that is not known is answered by %v", answerTo[7])
			}
			for { // close ends the session
				if _, err := stream.Recv(); err != nil {
					if err != io.EOF {
						t.Errorf("the session ends with %v", err)
					}
					break
				}
			}
		})
	}
}

// serveOn serves on a socket of its own until the test ends.
func serveOn(t *testing.T, server *grpc.Server) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Skip(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return l.Addr().String()
}

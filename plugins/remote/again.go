package remote

import (
	"bytes"
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Life is a process in which an instance is begun again.
type Life struct {
	Client   pluginpb.PluginClient
	Explain  func(error) error
	Recorder *wire.Recorder
}

// Keeps says which calls later ones need: what a recording keeps, and what is
// called again in a new process.
func Keeps(target, method string) bool {
	switch method {
	case "check", "run", "restore":
		return target == ""
	case "build", "write":
		return true
	}
	return false
}

// life is one session of an instance.
type life struct {
	stream wire.Stream
	cancel context.CancelFunc
	done   chan struct{} // the goroutines of the session have ended
}

// again opens the instance in a new process and brings it to where the old one
// was: the calls that made its objects are made again, and must give the same.
func (i *Instance) again(ctx context.Context, open *pluginpb.Open, o Options) (*wire.Session, error) {
	next, err := o.Restart(ctx)
	if err != nil {
		return nil, err
	}
	kept := o.Recorder.Kept()
	open = proto.Clone(open).(*pluginpb.Open)
	open.SharedMemory = nil // payloads of the second process are inline
	o.Explain, o.Recorder = next.Explain, next.Recorder
	if o.Recorder != nil {
		o.Recorder.Open = open
	}
	_, s, err := i.begin(ctx, next.Client, open, nil, o)
	if err != nil {
		return nil, err
	}
	for _, c := range kept {
		out, err := s.Call(ctx, c.Target, c.Method, c.In)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(out.Values, c.Out.Values) || !proto.Equal(out.Outputs, c.Out.Outputs) {
			s.Fail(schemas.Errorf(schemas.PluginProtocol, "%s gives something else in a new process, although %s/%s is said to be stateless", c.Method, open.GetKind(), open.GetUse()))
			return nil, s.Err()
		}
	}
	return s, nil
}

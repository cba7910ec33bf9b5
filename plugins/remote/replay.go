package remote

import (
	"context"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Replay opens the instance of a recording. What the plugin asks for is answered
// as it was; the caller makes the calls and closes the instance.
func Replay(ctx context.Context, client pluginpb.PluginClient, r *wire.Recording, o Options) (*Instance, *wire.Session, error) {
	if o.Recorder != nil {
		o.Recorder.Open = r.Open
	}
	i := &Instance{peer: newPeer(), closed: make(chan struct{}), handler: r.Handler()}
	_, s, err := i.begin(ctx, client, r.Open, nil, o)
	if err != nil {
		return nil, nil, err
	}
	i.peer.session = newLine(s)
	return i, s, nil
}

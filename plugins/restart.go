package plugins

import (
	"context"

	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/plugins/remote"
)

// stateless is the capability of an implementation whose calls may be repeated
// in a new process: what it answers does not depend on earlier calls.
const stateless = "stateless"

// restart gives the process that takes the place of a dead one: a new one, once
// in a run, or the one that somebody else has started meanwhile.
func (h *Host) restart(ctx context.Context, dead *launch.Plugin) (*launch.Plugin, error) {
	h.restarting.Lock()
	defer h.restarting.Unlock()
	name := dead.Name()
	h.mu.Lock()
	s, n, closed := h.running[name], h.restarts[name], h.closed
	h.mu.Unlock()
	if s == nil || closed {
		return nil, remote.ErrNoRestart
	}
	if p, err := h.start(ctx, name, s.spec); p != dead {
		if err == nil && p.Died() {
			err = remote.ErrNoRestart // it was the second
		}
		return p, err
	}
	if n > 0 || !dead.Died() {
		return nil, remote.ErrNoRestart
	}
	h.mu.Lock()
	h.restarts[name]++
	delete(h.running, name)
	h.mu.Unlock()
	dead.Close()
	h.log.Warn().Str("plugin", name).Msg("the process of the plugin has died; it is started again, once, and the call repeated")
	return h.start(ctx, name, s.spec)
}

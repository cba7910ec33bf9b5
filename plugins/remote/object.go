package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
)

// object answers calls of the other side.
type object func(ctx context.Context, method string, m wire.Message) (wire.Message, error)

// peer is one end of a session: it calls the objects of the other end and
// offers its own.
type peer struct {
	session *line

	// The implementation that a plugin's end has made: what its services are
	// called when they do not say it themselves.
	use    string
	config json.RawMessage

	who   string               // of the host's end: whose instance it is, for messages
	parts func() flow.Registry // likewise: what flows are made of; may be nil

	threads int // that the instance may use; 0 for as many as there are

	mu      sync.Mutex
	objects map[string]object
	next    int
	made    int // what the other side had made here
}

// maxMade bounds the networks and transforms that one session has made here:
// each takes memory until it ends.
const maxMade = 256

// making says whether the other side may have one more thing made.
func (p *peer) making() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made++; p.made > maxMade {
		return schemas.Errorf(schemas.PluginProtocol, "a session has more than %d networks and transforms made", maxMade)
	}
	return nil
}

func newPeer() *peer { return &peer{objects: map[string]object{}} }

// offer names an object for the other side.
func (p *peer) offer(what string, o object) (target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	target = what + "/" + strconv.Itoa(p.next)
	p.objects[target] = o
	return target
}

// withdraw forgets objects.
func (p *peer) withdraw(targets ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range targets {
		delete(p.objects, t)
	}
}

// handle is the wire.Handler of this end.
func (p *peer) handle(ctx context.Context, target, method string, m wire.Message) (wire.Message, error) {
	p.mu.Lock()
	o := p.objects[target]
	p.mu.Unlock()
	if o == nil {
		return wire.Message{}, schemas.Errorf(schemas.PluginProtocol, "there is no object %q to %s", target, method)
	}
	return o(ctx, method, m)
}

// remote is an object of the other end.
type remote struct {
	*peer
	target string
}

// call asks with JSON parameters and batches; values may be nil.
func (r remote) call(ctx context.Context, method string, params any, m wire.Message, values any) (wire.Message, error) {
	if params != nil {
		raw, err := json.Marshal(params)
		if err != nil {
			return wire.Message{}, schemas.Errorf(schemas.PluginProtocol, "%w", err)
		}
		m.Values = raw
	}
	out, err := r.session.Call(ctx, r.target, method, m)
	if err != nil {
		return out, r.blame(err)
	}
	if values != nil {
		if err := json.Unmarshal(out.Values, values); err != nil {
			return out, r.broke(fmt.Errorf("the answer to %s is not what was asked: %w", method, err))
		}
	}
	return out, nil
}

// blame gives an error that the other side reported, or that its answer gives
// reason for, the name of the stage. The end of a session names it already, and
// an interrupt is nobody's fault.
func (r remote) blame(err error) error {
	if r.who == "" || r.session.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	list := schemas.Errors(err, schemas.PluginFault)
	named := make([]error, len(list))
	for i, e := range list {
		c := *e
		if c.Reason != schemas.Interrupted {
			c.Message = r.who + ": " + c.Message
		}
		named[i] = &c
	}
	if len(named) == 1 {
		return named[0]
	}
	return errors.Join(named...)
}

// broke ends the session: the other side does not keep to the protocol.
func (r remote) broke(err error) error {
	if r.who != "" {
		err = fmt.Errorf("%s: %w", r.who, err)
	}
	r.session.Fail(schemas.Errorf(schemas.PluginProtocol, "%w", err))
	return r.session.Err()
}

// params reads the JSON parameters of a call.
func params(m wire.Message, into any) error {
	if err := json.Unmarshal(m.Values, into); err != nil {
		return schemas.Errorf(schemas.PluginProtocol, "parameters: %w", err)
	}
	return nil
}

func valuesOf(v any) (wire.Message, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return wire.Message{}, schemas.Errorf(schemas.PluginProtocol, "%w", err)
	}
	return wire.Message{Values: raw}, nil
}

func noMethod(kind, method string) error {
	return schemas.Errorf(schemas.PluginProtocol, "a %s has no method %q", kind, method)
}

// batches says whether a message has n of them.
func batches(m wire.Message, n int) error {
	if len(m.Batches) != n {
		return schemas.Errorf(schemas.PluginProtocol, "%d batches came where %d are due", len(m.Batches), n)
	}
	return nil
}

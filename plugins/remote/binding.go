package remote

import (
	"encoding/json"
	"fmt"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// binding takes the services of a kind across a session.
type binding struct {
	kind string

	// offer tells the facts of a service and makes the object that answers for
	// it; ok is false when v is not of the kind. A nil object is a service that
	// is its facts.
	offer func(p *peer, v any) (facts any, o object, ok bool)

	// standIn makes what looks like the service, from facts and an object of the
	// other side.
	standIn func(r remote, facts json.RawMessage, as naming) (any, error)
}

// naming gives an implementation of the other side its name on this side.
type naming func(use string) string

// bindings are the kinds whose services travel.
func bindings() []binding {
	return []binding{pathBinding(), couplingBinding(), solverBinding(), modelBinding(), writerBinding()}
}

// offerService sends a service to the other side.
func (p *peer) offerService(v any) (*pluginpb.Service, error) {
	for _, b := range bindings() {
		facts, o, ok := b.offer(p, v)
		if !ok {
			continue
		}
		raw, err := json.Marshal(facts)
		if err != nil {
			return nil, schemas.Errorf(schemas.PluginProtocol, "facts of a %s: %w", b.kind, err)
		}
		s := &pluginpb.Service{Kind: b.kind, Facts: raw}
		if o != nil {
			s.Target = p.offer(b.kind, o)
		}
		return s, nil
	}
	return nil, schemas.Errorf(schemas.PluginProtocol, "a service of type %T does not travel between processes", v)
}

// service makes a stand-in for a service of the other side.
func (p *peer) service(s *pluginpb.Service, as naming) (any, error) {
	for _, b := range bindings() {
		if b.kind == s.GetKind() {
			v, err := b.standIn(remote{p, s.GetTarget()}, s.GetFacts(), as)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", b.kind, err)
			}
			return v, nil
		}
	}
	return nil, schemas.Errorf(schemas.PluginProtocol, "services of kind %q do not travel between processes", s.GetKind())
}

// factsInto reads facts.
func factsInto(raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return schemas.Errorf(schemas.PluginProtocol, "facts: %w", err)
	}
	return nil
}

package launch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pathline/pathline/schemas"
)

// shown is how many of the last lines an error repeats.
const shown = 20

// hang is a plugin that did not answer in time.
type hang struct {
	done    chan struct{} // err and stacks are there
	err     *schemas.Error
	before  []string // the last lines before it was asked
	stacks  []string
	stopped bool // by SIGSTOP
}

// startError says why a plugin did not start.
func (p *Plugin) startError(err error) error {
	e := schemas.Errorf(schemas.PluginStart, "plugin %q did not start", p.config.Name)
	e.Cause = err
	if h := p.hanging(); h != nil {
		e.Message += ": it said nothing for " + p.config.StartTimeout.String() + h.said()
		e.Suggestion = "raise start_timeout, or run the command by hand to see what it waits for"
		e.Message += p.circumstances(h.before)
		return e
	}
	if p.process.running() {
		// go-plugin has ended it, or it has ended itself.
		_ = p.process.Kill(context.Background())
		<-p.process.drained
		p.lines.Close()
	}
	noise := printable(p.process.noise.String())
	switch {
	case !p.process.ended():
		e.Message += ": " + err.Error()
	case noise != "" && strings.Count(noise, "|") < 3:
		e.Message += fmt.Sprintf(": it printed %q on standard output before the handshake", noise)
		e.Suggestion = "a plugin prints nothing on standard output; standard error is for messages"
	case strings.Contains(err.Error(), "ncompatible API version"):
		// go-plugin's line: core version | protocol version | ...
		e.Message += fmt.Sprintf(": it speaks version %s of the plugin protocol, this host version %d", strings.Split(noise, "|")[1], Handshake.ProtocolVersion)
		e.Suggestion = "use a plugin and a host that have a version in common: update the older one"
	case noise == "":
		e.Message += ": it " + p.process.ending() + " before the handshake"
		if why := p.tail.why(); why != "" {
			e.Message += " (" + why + ")"
		}
	default:
		e.Message += ": " + err.Error()
	}
	e.Message += p.circumstances(p.Tail())
	return e
}

// Explain says why a session with the plugin broke. A plugin that did not answer
// in time is asked for its stacks and killed; whoever else uses it gets the same
// explanation.
func (p *Plugin) Explain(err error) error { return p.ExplainDuring(err, "") }

// ExplainDuring says also what the plugin was doing, as in ", in call 5".
func (p *Plugin) ExplainDuring(err error, during string) error {
	var own *schemas.Error
	timeout := errors.As(err, &own) && own.Reason == schemas.PluginTimeout
	protocol := own != nil && own.Reason == schemas.PluginProtocol
	p.mu.Lock()
	closing := p.closing
	p.mu.Unlock()
	switch h := p.hanging(); {
	case h != nil:
		return h.err
	case closing:
		return &schemas.Error{Reason: schemas.PluginCrash, Message: fmt.Sprintf("plugin %q was ended by the host", p.config.Name), Cause: errEnded}
	case timeout && p.process != nil:
		return p.hung(own, during)
	}
	if p.process != nil && !protocol {
		t := time.NewTimer(crashNotice)
		defer t.Stop()
		select {
		case <-p.process.exited:
			if h := p.hanging(); h != nil {
				return h.err
			}
			return p.crash(err, during)
		case <-t.C:
		}
	}
	e := &schemas.Error{Reason: schemas.PluginProtocol, Message: err.Error(), Cause: err}
	if timeout || protocol {
		c := *own
		e = &c
	} else if p.process == nil {
		e.Reason = schemas.PluginCrash
	}
	e.Message = fmt.Sprintf("plugin %q: %s", p.config.Name, e.Message) + during + p.circumstances(p.Tail())
	return e
}

// hanging is why the host killed the plugin, nil when it did not; it waits for
// one that is being asked.
func (p *Plugin) hanging() *hang {
	p.mu.Lock()
	h := p.hang
	p.mu.Unlock()
	if h != nil {
		<-h.done
	}
	return h
}

// hung asks a plugin that did not answer in time what it is doing, and kills it.
func (p *Plugin) hung(why *schemas.Error, during string) error {
	p.mu.Lock()
	if p.hang != nil {
		p.mu.Unlock()
		return p.hanging().err
	}
	if p.process.ended() {
		p.mu.Unlock()
		return p.crash(why, during)
	}
	h := &hang{done: make(chan struct{})}
	p.hang = h
	p.mu.Unlock()
	defer close(h.done)
	h.stopped = p.process.running() && isStopped(p.process.cmd.Process.Pid)
	h.before = p.Tail()
	h.stacks = p.stacks()
	_ = p.process.Kill(context.Background())
	e := *why
	e.Message = fmt.Sprintf("plugin %q: %s", p.config.Name, why.Message) + during + h.said() + p.circumstances(h.before)
	h.err = &e
	return h.err
}

// said is what came out when a plugin was asked what it is doing.
func (h *hang) said() string {
	s := ""
	if h.stopped {
		s = "; it was stopped by a signal (SIGSTOP)"
	}
	if len(h.stacks) == 0 {
		return s
	}
	return s + "; what it was doing:" + indented(relevant(h.stacks))
}

// crash is the report of a process that ended while it was needed.
func (p *Plugin) crash(err error, during string) error {
	<-p.process.drained // its last lines
	p.lines.Close()
	e := schemas.Errorf(schemas.PluginCrash, "plugin %q %s while it was needed%s", p.config.Name, p.process.ending(), during)
	e.Cause = err
	if why := p.tail.why(); why != "" {
		e.Message += " (" + why + ")"
	}
	e.Message += p.circumstances(p.Tail())
	return e
}

// circumstances are the command or address, and the last lines.
func (p *Plugin) circumstances(lines []string) string {
	var b strings.Builder
	if p.config.Address != "" {
		fmt.Fprintf(&b, "; address: %s", p.config.Address)
	} else {
		fmt.Fprintf(&b, "; command: %s", strings.Join(p.config.Command, " "))
	}
	if last := lines[max(0, len(lines)-shown):]; len(last) > 0 {
		b.WriteString("; its last lines:" + indented(last))
	}
	return b.String()
}

func indented(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("\n    ")
		b.WriteString(l)
	}
	return b.String()
}

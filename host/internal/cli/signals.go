package cli

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/pathline/pathline/schemas"
)

// interrupts turns signals into what commands understand: the first closes
// stop when the command has a safe point to stop at, the second (the first, for
// every other command) ends ctx.
type interrupts struct {
	ctx    context.Context
	cancel context.CancelFunc
	stop   chan struct{}
	done   chan struct{}
	joined chan struct{}
	say    func(string)

	mu       sync.Mutex
	first    os.Signal
	graceful bool
	hard     bool
}

func watchSignals(signals <-chan os.Signal, say func(string)) *interrupts {
	i := &interrupts{stop: make(chan struct{}), done: make(chan struct{}), joined: make(chan struct{}), say: say}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(i.joined)
		for {
			select {
			case s := <-signals:
				i.caught(s)
			case <-i.done:
				return
			}
		}
	}()
	return i
}

func (i *interrupts) caught(s os.Signal) {
	i.mu.Lock()
	first, graceful := i.first == nil, i.graceful
	if first {
		i.first = s
		close(i.stop)
	}
	if !first || !graceful {
		i.hard = true
	}
	if first && graceful {
		// Said under the lock: nothing is said after the command went on.
		i.say("stopping at the next safe point; press Ctrl-C again to stop at once")
	}
	i.mu.Unlock()
	if !first || !graceful {
		i.cancel()
	}
}

// brokenPipe is the signal that the system sends when nobody reads standard
// output any more. After another signal it is no news: Ctrl-C ends the other
// programs of a pipe too.
func (i *interrupts) brokenPipe() {
	i.mu.Lock()
	news := i.first == nil
	i.mu.Unlock()
	if news {
		i.caught(syscall.SIGPIPE)
	}
}

// safePoints says that the command stops by itself soon after stop is closed;
// say prints a line where it does not disturb. The returned function ends that.
func (i *interrupts) safePoints(say func(string)) func() {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.say
	i.graceful, i.say = true, say
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.graceful, i.say = false, before
	}
}

func (i *interrupts) signal() os.Signal {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.first
}

// interrupted gives the errors of an interrupted command one name: whatever
// broke because ctx ended is the interruption, not a failure of its own.
func (i *interrupts) interrupted(errs []*schemas.Error, err error) []*schemas.Error {
	i.mu.Lock()
	first, hard := i.first, i.hard
	i.mu.Unlock()
	if first == nil {
		return errs
	}
	if hard && (errors.Is(err, context.Canceled) || i.ctx.Err() != nil) {
		for _, e := range errs {
			if e.Reason == schemas.Interrupted {
				return []*schemas.Error{e}
			}
		}
		return []*schemas.Error{schemas.Errorf(schemas.Interrupted, "stopped at once")}
	}
	return errs
}

func (i *interrupts) close() {
	close(i.done)
	<-i.joined
	i.cancel()
}

// SignalExit is the exit code of a process that a signal ended, as shells
// count: 130 for SIGINT, 143 for SIGTERM.
func SignalExit(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return schemas.ExitInterrupted
}

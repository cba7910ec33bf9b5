package law

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// T is the part of *testing.T that a law uses. Error and Errorf may be called
// concurrently; Fatal and Fatalf end the goroutine of the check and may be called
// from it alone.
type T interface {
	Helper()
	Context() context.Context
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Law is one law of the things of type V.
type Law[V any] struct {
	Name     string // a few words, which name what is wrong when it is broken
	Sentence string // of the contract
	Check    func(t T, v V)
}

// Test checks every law in a subtest of its name.
func Test[V any](t *testing.T, laws []Law[V], v V) {
	t.Helper()
	for _, l := range laws {
		t.Run(l.Name, func(t *testing.T) { l.Check(t, v) })
	}
}

// Broken checks one law without a test and gives what was found, joined, or nil.
// A panic of the check is an error, too.
func (l Law[V]) Broken(ctx context.Context, v V) error {
	return Run(ctx, func(t T) { l.Check(t, v) })
}

// shown is how many findings of one check are told: the rest say the same.
const shown = 5

// Run runs a check without a test and gives what it found.
func Run(ctx context.Context, check func(T)) error {
	r := &record{ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		check(r)
	}()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	if more := r.count - len(r.found); more > 0 {
		r.found = append(r.found, fmt.Errorf("and %d more", more))
	}
	return errors.Join(r.found...)
}

// record is a T that keeps what is found.
type record struct {
	ctx   context.Context
	mu    sync.Mutex
	found []error
	count int
}

func (r *record) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count++; len(r.found) < shown {
		r.found = append(r.found, err)
	}
}

func (r *record) Helper()                  {}
func (r *record) Context() context.Context { return r.ctx }
func (r *record) Error(args ...any) {
	if len(args) == 1 {
		if err, ok := args[0].(error); ok {
			r.add(err) // with its reason
			return
		}
	}
	r.add(errors.New(fmt.Sprint(args...)))
}
func (r *record) Errorf(format string, args ...any) { r.add(fmt.Errorf(format, args...)) }
func (r *record) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}
func (r *record) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

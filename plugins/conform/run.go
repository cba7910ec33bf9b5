package conform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Options say what to run.
type Options struct {
	Kinds  []string     // of these kinds only; empty for all
	Chaos  bool         // also the cases of a host that breaks the protocol and of processes that are killed
	Only   []string     // IDs of cases; empty for all
	Result func(Result) // called after each case; may be nil
}

// caseTimeout bounds one case: nothing that a plugin does may hang the kit.
const caseTimeout = 2 * time.Minute

// Run checks a plugin. The error is for what makes it impossible to begin: no
// such command. A plugin that does not conform is a report.
func Run(ctx context.Context, t Target, o Options) (*Report, error) {
	s, err := newSubject(t)
	if err != nil {
		return nil, err
	}
	defer s.close()
	report := &Report{Plugin: t.Name}
	add := func(r Result) {
		r.Seconds = r.took.Seconds()
		report.Results = append(report.Results, r)
		if o.Result != nil {
			o.Result(r)
		}
	}
	if err := s.describe(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		add(Result{ID: "describe/answer", Status: Fail, Message: err.Error(),
			Sentence: "The plugin starts, shakes hands and says what it implements."})
		return report, nil
	}
	report.Plugin, report.Version = s.description.GetName(), s.description.GetVersion()
	for _, i := range s.implementations {
		if o.wants(i.kind) && !slices.Contains(report.Kinds, i.kind) {
			report.Kinds = append(report.Kinds, i.kind)
		}
	}
	if len(report.Kinds) == 0 && len(o.Kinds) > 0 {
		return nil, fmt.Errorf("conform: the plugin implements nothing of kind %s", strings.Join(o.Kinds, ", "))
	}
	for _, c := range Cases() {
		if c.Chaos && !o.Chaos || len(o.Only) > 0 && !slices.Contains(o.Only, c.ID) {
			continue
		}
		if c.Kind == "" {
			add(s.one(ctx, c, nil))
		} else {
			for _, i := range s.implementations {
				if o.wants(i.kind) && (c.Kind == "*" || c.Kind == i.kind) {
					add(s.one(ctx, c, i))
				}
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return report, nil
}

func (o Options) wants(kind string) bool { return len(o.Kinds) == 0 || slices.Contains(o.Kinds, kind) }

// one runs a case; a panic of the kit is a failure with its words.
func (s *subject) one(ctx context.Context, c Case, i *implementation) (r Result) {
	r = Result{ID: c.ID, Sentence: c.Sentence, Status: Pass}
	if i != nil {
		r.Implementation = i.kind + "/" + i.name
	}
	ctx, cancel := context.WithTimeout(ctx, caseTimeout)
	defer cancel()
	start := time.Now()
	defer func() {
		r.took = time.Since(start)
		if p := recover(); p != nil {
			r.Status, r.Message = Fail, fmt.Sprintf("panic: %v", p)
		}
	}()
	err := c.run(ctx, s, i)
	var skip skipped
	switch {
	case errors.As(err, &skip):
		r.Status, r.Message = Skip, skip.Error()
	case err != nil:
		r.Status, r.Message = Fail, firstLines(err.Error(), 24)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.Message = fmt.Sprintf("it did not end within %s: %s", caseTimeout, r.Message)
		}
		s.suspect = true
	}
	return r
}

// Test checks a plugin in a Go test, with one subtest for each case and
// implementation.
func Test(t *testing.T, target Target, o Options) {
	t.Helper()
	report, err := Run(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		t.Run(strings.TrimSuffix(r.ID+"/"+r.Implementation, "/"), func(t *testing.T) {
			switch r.Status {
			case Skip:
				t.Skip(r.Message)
			case Fail:
				t.Errorf("%s\n%s", r.Sentence, r.Message)
			}
		})
	}
	if report.Passed() == 0 {
		t.Error("no case passed")
	}
}

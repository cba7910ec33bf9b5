package conform

import (
	"context"

	"github.com/pathline/pathline/stages/law"
)

// lawCases makes a case of every law of a kind whose services are called
// through a V. of may refuse, with a skip, an implementation that the laws are
// not about.
func lawCases[V any](kind, prefix string, laws []law.Law[V], of func(context.Context, *subject, *implementation) (V, *instance, error)) []Case {
	var out []Case
	for _, l := range laws {
		out = append(out, Case{ID: kind + "/" + prefix + identifier(l.Name), Kind: kind, Sentence: l.Sentence,
			run: func(ctx context.Context, s *subject, i *implementation) error {
				v, in, err := of(ctx, s, i)
				if err != nil {
					return err
				}
				defer in.shut()
				return l.Broken(ctx, v)
			}})
	}
	return out
}

// own makes a case of a check of one service, written as a law.
func own[V any](kind, name, sentence string, check func(t law.T, v V), of func(context.Context, *subject, *implementation) (V, *instance, error)) Case {
	return lawCases(kind, "", []law.Law[V]{{Name: name, Sentence: sentence, Check: check}}, of)[0]
}

// plain opens the service of an implementation with its configuration.
func plain[V any](ctx context.Context, s *subject, i *implementation) (V, *instance, error) {
	return service[V](ctx, s, i, nil)
}

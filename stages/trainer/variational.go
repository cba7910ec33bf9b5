package trainer

import (
	"errors"
	"fmt"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/transform"
)

// noisy is the model with noise that is learned, where that is asked for. Where the
// bins are is known when dequantize is fitted; while a pipeline is checked they are
// those of whole numbers.
func (s *mle) noisy(def bijection.Definition, data *table) (bijection.Definition, error) {
	if s.variational == nil {
		return def, nil
	}
	if len(data.transforms) != 1 || !transform.IsDiscrete(data.transforms[0].Use) {
		return nil, schemas.Errorf(schemas.WrongPort, "noise is learned of rows that come from dequantize alone").At("from.data").
			Suggest("join the stage dequantize itself; the flow takes logits behind the noise")
	}
	step, offset := []float64{1}, []float64{0}
	if data.transforms[0].State != nil {
		f, err := transform.Restore(data.transforms[0], data.layout.Dim)
		if err != nil {
			return nil, err
		}
		step, offset = f.(*transform.Dequantize).Bins()
		for i, w := range step {
			if w == 0 {
				return nil, schemas.Errorf(schemas.Conflict, "column %q is continuous, and noise is learned of all columns", schemas.DimensionNames(data.columns)[i]).At("variational").
					Suggest("name it with its distance of values in `steps` of dequantize, or leave out variational")
			}
		}
	}
	d, err := bijection.NewVariational(*s.variational, step, offset, def)
	if err != nil {
		return nil, schemas.Errorf(schemas.Conflict, "%w", err).At("variational").
			Suggest("leave models and trainers out of --isolate, or leave out variational")
	}
	return d, nil
}

// outside adds to an error of numbers what it comes from more often than from a rate:
// values beyond low and high have no logit.
func (s *mle) outside(err error) error {
	var e *schemas.Error
	if s.variational == nil || !errors.As(err, &e) || e.Reason != schemas.Numerical {
		return err
	}
	c := *e
	return (&c).Suggest(fmt.Sprintf("see first whether all values lie in variational's low, %v, to high, %v, which is the greatest value and one step; else %s", s.variational.Low, s.variational.High, e.Suggestion))
}

// below puts an error of a configuration below a key.
func below(key string, err error) error {
	var e *schemas.Error
	if errors.As(err, &e) {
		return e.At(key + "." + e.Path)
	}
	return err
}

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
)

// coefficients of a path at one time; gamma only where the path has noise of
// its own.
type coefficients struct {
	T      float64  `json:"t"`
	Alpha  float64  `json:"alpha"`
	Sigma  float64  `json:"sigma"`
	Gamma  *float64 `json:"gamma,omitempty"`
	DAlpha float64  `json:"dalpha"`
	DSigma float64  `json:"dsigma"`
	DGamma *float64 `json:"dgamma,omitempty"`
}

func showCoefficients(ctx context.Context, cmd *cobra.Command, r *pipeline.Registry, i *pipeline.Implementation, f showFlags) (result, error) {
	t, err := times(cmd, f.at)
	if err != nil {
		return result{}, err
	}
	with, err := keyValues("--with", f.with)
	if err != nil {
		return result{}, err
	}
	p, err := buildPath(ctx, r, i, with)
	if err != nil {
		return result{}, err
	}
	c := make([]path.Coef, len(t))
	if err := p.Coefficients(c, t); err != nil {
		return result{}, err
	}
	noisy := false
	for _, x := range c {
		noisy = noisy || x.Gamma != 0 || x.DGamma != 0
		for _, v := range []float64{x.Alpha, x.Sigma, x.Gamma, x.DAlpha, x.DSigma, x.DGamma} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return result{}, schemas.Errorf(schemas.NonFinite, "path %s gives a coefficient that is not finite", i.Name)
			}
		}
	}
	out := make([]coefficients, len(t))
	for k, x := range c {
		out[k] = coefficients{T: t[k], Alpha: x.Alpha, Sigma: x.Sigma, DAlpha: x.DAlpha, DSigma: x.DSigma}
		if noisy {
			out[k].Gamma, out[k].DGamma = &c[k].Gamma, &c[k].DGamma
		}
	}
	lo, hi := p.Domain()
	return result{out, func(w io.Writer) {
		head := []string{"t", "alpha", "sigma", "dalpha", "dsigma"}
		if noisy {
			head = append(head, "gamma", "dgamma")
		}
		rows := [][]string{head}
		moved := false
		for k, x := range c {
			row := []string{number(t[k]), number(x.Alpha), number(x.Sigma), number(x.DAlpha), number(x.DSigma)}
			if noisy {
				row = append(row, number(x.Gamma), number(x.DGamma))
			}
			rows = append(rows, row)
			moved = moved || t[k] < lo || t[k] > hi
		}
		table(w, "", rows)
		if moved {
			fmt.Fprintf(w, "\nthe path is singular outside of [%s, %s]: times beyond are moved to its ends\n", number(lo), number(hi))
		}
	}}, nil
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 10, 64) }

func times(cmd *cobra.Command, text string) ([]float64, error) {
	var t []float64
	for _, s := range strings.Split(text, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return nil, usage(cmd, "--at takes times like 0,0.25,1; %q is not a number", s)
		}
		if !(x >= 0 && x <= 1) {
			return nil, schemas.Errorf(schemas.OutOfRange, "--at: time %s lies outside of 0 (noise) to 1 (data)", s)
		}
		t = append(t, x)
	}
	return t, nil
}

// buildPath makes a path outside of a pipeline.
func buildPath(ctx context.Context, r *pipeline.Registry, i *pipeline.Implementation, with map[string]any) (path.Path, error) {
	raw, err := json.Marshal(with)
	if err != nil {
		return nil, schemas.Errorf(schemas.WrongType, "--with: %w", err)
	}
	out, err := build(ctx, r, pipeline.Env{Stage: "path"}, i.Kind, i.Name, raw)
	if err != nil {
		return nil, err
	}
	p, ok := out.Service.(path.Path)
	if !ok {
		return nil, schemas.Errorf(schemas.Usage, "path %s has no coefficients to print", i.Name)
	}
	return p, nil
}

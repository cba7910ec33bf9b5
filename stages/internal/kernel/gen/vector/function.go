package main

import (
	"fmt"
	"strings"
)

// function is one exported function of the package and how it is emitted.
type function struct {
	name    string
	params  string // of slices of float32, as in "dst, x"
	scalar  bool   // a last argument s float32
	updates bool   // the destination is an operand too
	emit    func(*machine, function)
	stop    func(*machine, V) V // where an input is beyond this code
	special string              // a signature of its own, without a name
	narrow  bool                // AVX2 is as fast at every level: there is nothing else
	results string              // what it returns
}

// lower is the name with small letters: selu, tanhSlope.
func (f function) lower() string {
	name := strings.NewReplacer("SiLU", "Silu", "GELU", "Gelu", "SELU", "Selu", "ReLU", "Relu").Replace(f.name)
	return strings.ToLower(name[:1]) + name[1:]
}

func (f function) slices() []string { return strings.Split(f.params, ", ") }

func (f function) arguments() string {
	switch {
	case f.special != "":
		return f.special
	case f.scalar:
		return fmt.Sprintf("%s []float32, s float32", f.params)
	}
	return f.params + " []float32"
}

func (f function) signature() string { return fmt.Sprintf("func(%s) %s", f.arguments(), f.results) }

func unary(name string, unroll int, b func(m *machine, x V) V) function {
	return function{name: name, params: "dst, x", emit: elementwise(1, unroll, func(m *machine, in []V) []V {
		return []V{b(m, in[0])}
	})}
}

func slope(name string, unroll int, b func(m *machine, x V) (y, dy V)) function {
	return function{name: name, params: "y, dy, x", emit: elementwise(2, unroll, func(m *machine, in []V) []V {
		y, dy := b(m, in[0])
		return []V{y, dy}
	})}
}

func binary(name string, b func(m *machine, x, y V) V) function {
	return function{name: name, params: "dst, a, b", emit: elementwise(1, 4, func(m *machine, in []V) []V {
		return []V{b(m, in[0], in[1])}
	})}
}

// narrow has f use AVX2 at every level.
func narrow(fs []function) (out []function) {
	for _, f := range fs {
		f.narrow = true
		out = append(out, f)
	}
	return out
}

// in says whether f has code of its own for an instruction set.
func (f function) in(s set) bool { return f.emit != nil && !(f.narrow && s.wide) }

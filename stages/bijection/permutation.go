package bijection

import "github.com/pathline/pathline/stages/random"

// Permutation takes column Order[i] to column i: z_i = x_{Order[i]}. Its
// log-determinant is 0.
type Permutation struct{ Order []int32 }

// Reverse is the permutation that turns the columns round.
func Reverse(dim int) Permutation {
	order := make([]int32, dim)
	for i := range order {
		order[i] = int32(dim - 1 - i)
	}
	return Permutation{order}
}

// Random is the keyed permutation with a number.
func Random(dim int, key random.Key, number uint32) Permutation {
	order := make([]int32, dim)
	for i := range order {
		order[i] = int32(key.Permute(uint64(i), uint64(dim), number))
	}
	return Permutation{order}
}

// Normalize gathers the columns.
func (p Permutation) Normalize(b *Builder, x Value) (z, logdet Value) {
	return b.Gather(x, p.Order), b.zero()
}

// Generate puts them back.
func (p Permutation) Generate(b *Builder, z Value) (x, logdet Value) {
	back := make([]int32, len(p.Order))
	for i, o := range p.Order {
		back[o] = int32(i)
	}
	return b.Gather(z, back), b.zero()
}

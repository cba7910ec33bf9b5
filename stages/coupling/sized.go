package coupling

// Sized is an optional extension of a [Coupling] that knows what memory it takes: all
// here but [Independent], which takes none.
type Sized interface {
	Coupling
	// Memory is about how many bytes it takes to pair rows rows at a time, without what
	// grows as the rows do.
	Memory(rows int) int64
}

// Memory is that of a coupling; 0 where it is not known.
func Memory(c Coupling, rows int) int64 {
	if s, ok := c.(Sized); ok {
		return s.Memory(rows)
	}
	return 0
}

// Memory implements [Sized]: float32 costs of all pairs, and for the start of most
// sizes a plan of as many.
func (o Optimal) Memory(rows int) int64 {
	n := int64(rows)
	if soft(rows) {
		return 8 * n * n
	}
	return 4 * n * n
}

// Memory implements [Sized]: float32 costs of all pairs, and a plan of as many.
func (s Sinkhorn) Memory(rows int) int64 { return 8 * int64(rows) * int64(rows) }

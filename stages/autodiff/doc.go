// Package autodiff is the numeric engine: programs of one row. A program is a
// function of one row, built once on a Graph; the engine maps it over a batch,
// differentiates it (JVP, VJP) and compiles it. Because rows never mix, a whole
// network, its divergence or a training step's gradient is one program per tile
// of rows, which stays in the cache from the first operation to the last.
//
//	g := autodiff.New()
//	x, t := g.Input("x", 2), g.Time("t", 1)
//	h := g.SiLU(g.Linear(g.Concat(x, t), g.Param("w", init, 64, 3), g.Param("b", init, 64)))
//	v := g.Linear(h, g.Param("out", init, 2, 64), autodiff.Value{})
//	div := g.Divergence(v, x)
//	p, err := autodiff.Compile(g, v, div)
//
// # Values
//
// A value has a static shape for each row. Elementwise operations repeat a
// shorter shape over the leading axes of a longer one, which is how k
// directions of a derivative meet a slope that they share. What a value depends
// on decides when it is computed:
//
//	parameters and constants    once after every change of the weights (Refresh)
//	and times                   once for each call, where its rows share the time
//	and inputs of the row       for each tile of rows
//	sums over rows              after the last tile
//
// So a matrix of the weights alone (a masked or a triangular weight, the matrix
// of a bilinear trace) costs nothing for each row, and nobody has to say so.
//
// # Derivatives
//
// Each operation gives its derivative in terms of operations (unary.go, jvp.go,
// vjp.go), so that derivatives have derivatives. The derivative for a parameter
// is the one place where rows meet: a sum over rows, added to by each tile in
// the order of rows, so that its bits depend neither on tiles nor on calls.
// Divergence uses that the first tangents belong to the weights and that the
// last product is wanted on its diagonal only (divergence.go).
//
// # How a call flows through a tile
//
// Compile looks at the nodes that the outputs need, in the order in which they
// were built, and writes instructions (lower.go). Elementwise operations that
// follow each other become one group, done strip by strip in the first-level
// cache (group.go); an activation and its slope are one kernel. A linear map
// is a product with weights packed at Refresh (instruction.go), of which blocks
// that a mask makes zero are left out (masked.go); the parts of a
// joined argument are multiplied where they lie, those of the time first. A
// buffer lives from its first write to its last read, and buffers whose lives
// do not meet share memory (buffer.go). The number of rows of a tile is chosen
// so that all of this stays in the second-level cache.
//
//	Call: rows ── tile ─┬─ product   h = b + f Wfᵀ + x Wxᵀ       packed weights, L2
//	                    ├─ group     y, dy = silu(h), silu'(h)   strips, L1
//	                    ├─ product   ...
//	                    ├─ group     delta = 2 w (v - u)
//	                    ├─ outerSum  dW += deltaᵀ y              in the order of rows
//	                    └─ product   delta' = delta W, and so on down
//
// A value of shape [k, w] lies as k planes [rows][w]: all directions are one
// matrix to a product, and a slope that they share is read as it lies.
//
// A call allocates nothing once warm. The definition of every operation in
// float64 is the interpreter (interpret.go), which tests hold programs against.
//
// # To add an operation
//
// A unary one: a line in unary.go. Another: its shape in ops.go, its rules in
// jvp.go and vjp.go, its definition in interpret.go, its instruction in lower.go
// or moves.go, and a function in the list of laws_test.go. What can be made of
// the others (layers.go) should be.
//
// References: Bradbury et al., "JAX: composable transformations of
// Python+NumPy programs", 2018 (vmap, jvp, vjp, jit); Griewank and Walther,
// "Evaluating derivatives", 2008; Pearlmutter, "Fast exact multiplication by the
// Hessian", 1994 (jvp of vjp).
package autodiff

// Package matrix has the two products that networks are made of, in float32,
// for one thread: callers bring their workers and cut the rows themselves.
//
//	Multiply       C = start + A B    layers and their gradients by the inputs; B is packed weights
//	AddTransposed  C += Aᵀ B          gradients by the weights; neither factor is packed
//
// # Order
//
// Every element of C is one sum in the order of the summed index,
//
//	c = start;  c = fma(a[i][l], b[l][j], c)  for l = 0, 1, ..., k-1
//
// in one accumulator of float32. Its bits depend on its own row of A, its own
// column of B and k; not on m, n, where the element stands, how rows were
// shared out, or whether AddTransposed got the rows of A and B in one call or
// several. AVX2 and AVX-512 give the same bits; the Go definition rounds the
// product before it adds and differs from them in the last bits.
//
// # Way of the data
//
// Packed holds B in panels of columns: panel after panel, in each the rows one
// after another, so that the innermost loop reads memory from front to back. A
// tile of the innermost loop is a block of rows of C by a panel: one vector of
// B after another is multiplied by single elements of A, and the sums stay in
// registers until the last l.
//
//	            AVX-512            AVX2                 Go
//	tile        14 x 32            6 x 16               2 x 4
//	last panel  32, 16 or 8 wide   16 or 8 wide         4 wide
//	edges       masks              masks                a buffer
//	few rows    1 and 2 by 64      1 by 64, 2 by 32
//
// Rows that do not fill tiles are shared out evenly among them (16 rows are two
// tiles of 8), and there is a kernel for each number of rows. Large A is taken
// in blocks that stay in the second-level cache, and long sums in blocks of l:
// C is stored and loaded again between them, which changes no bit.
//
// AddTransposed reads B where it stands. Where C has few columns its panels
// would be mostly empty, and tiles of Cᵀ += Bᵀ A are used: the same terms in the
// same order.
//
// A Pattern says where B, or what is wanted of C, may be other than zero. A panel
// is then multiplied from its first such row to its last, and AddTransposed takes
// the rows of C from the first to the last. On a triangle of 128 this leaves out a
// third.
//
// A leading dimension of C that is a power of two of 512 or more is slow where k
// is small, because all rows of a tile lie in few sets of the cache; nothing is
// lost from k = 64 on.
//
// # Adding a kernel
//
// The kernels are written by stages/internal/kernel/gen/matrix; a shape is a
// line in its list. The choice among them is in tile_amd64.go. The tests run
// over every level and compare with the sum above, bit for bit; add the sizes at
// which the new kernel begins and ends to sizes in multiply_test.go.
//
// # References
//
// K. Goto, R. A. van de Geijn, "Anatomy of high-performance matrix
// multiplication", ACM TOMS 34(3), 2008: packing and blocks. F. G. Van Zee,
// R. A. van de Geijn, "BLIS", ACM TOMS 41(3), 2015: the micro-kernel.
package matrix

package matrix

// Pack resizes for [k][n] and packs B, row-major: b[l*ldb+j] is B[l][j].
func (p *Packed) Pack(b []float32, ldb, k, n int) {
	p.Resize(k, n)
	for i := range p.Pieces() {
		p.PackPiece(i, b, ldb)
	}
}

// PackTransposed resizes for [k][n] and packs B = Wᵀ: w[j*ldw+l] is B[l][j].
// Weights [out][in] are such a W.
func (p *Packed) PackTransposed(w []float32, ldw, k, n int) {
	p.Resize(k, n)
	for i := range p.Pieces() {
		p.PackPieceTransposed(i, w, ldw)
	}
}

// PackPiece packs piece i of B: b[l*ldb+j] is B[l][j].
func (p *Packed) PackPiece(i int, b []float32, ldb int) {
	check(b, ldb, p.k, p.n)
	column, dst, width := p.piece(i)
	if p.k > 0 {
		copyRows(p.level, dst, width, b[column:], ldb, p.k, min(width, p.n-column))
	}
}

// PackPieceTransposed packs piece i of B = Wᵀ: w[j*ldw+l] is B[l][j].
func (p *Packed) PackPieceTransposed(i int, w []float32, ldw int) {
	check(w, ldw, p.n, p.k)
	column, dst, width := p.piece(i)
	if p.k > 0 {
		transpose(p.level, dst, width, w[column*ldw:], ldw, min(width, p.n-column), p.k)
	}
}

// piece is where piece i begins, and the room for it.
func (p *Packed) piece(i int) (column int, dst []float32, width int) {
	if i < 0 || i >= p.Pieces() {
		panic("matrix: no such piece")
	}
	column = panelColumn(p.level, p.n, i)
	dst, width = p.panel(column)
	return column, dst, width
}

// copyRowsGeneric copies rows of columns columns, and pads them with zeros to
// the width: what an earlier matrix left there would be multiplied too, which
// changes nothing that is stored, but takes long where it is subnormal.
func copyRowsGeneric(dst []float32, width int, src []float32, ld, rows, columns int) {
	for l := range rows {
		row := dst[l*width : (l+1)*width]
		copy(row, src[l*ld:l*ld+columns])
		clear(row[columns:])
	}
}

// transposeGeneric writes the transpose of a matrix [rows][columns], whose
// rows it pads with zeros to the width. It begins with column from.
func transposeGeneric(dst []float32, width int, src []float32, ld, rows, columns, from int) {
	for j := range rows {
		row := src[j*ld : j*ld+columns]
		for l := from; l < columns; l++ {
			dst[l*width+j] = row[l]
		}
	}
	if rows < width {
		for l := from; l < columns; l++ {
			clear(dst[l*width+rows : (l+1)*width])
		}
	}
}

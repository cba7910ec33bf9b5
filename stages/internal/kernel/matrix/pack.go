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
		packRows(dst, width, b[column:], ldb, p.k, min(width, p.n-column))
	}
}

// packRows copies rows rows of columns columns and pads them to the width.
func packRows(dst []float32, width int, b []float32, ldb, rows, columns int) {
	for l := range rows {
		row := dst[l*width : (l+1)*width]
		copy(row, b[l*ldb:l*ldb+columns])
		clear(row[columns:])
	}
}

// PackPieceTransposed packs piece i of B = Wᵀ: w[j*ldw+l] is B[l][j].
func (p *Packed) PackPieceTransposed(i int, w []float32, ldw int) {
	check(w, ldw, p.n, p.k)
	column, dst, width := p.piece(i)
	if p.k == 0 {
		return
	}
	for j := range width {
		if column+j >= p.n {
			for l := range p.k {
				dst[l*width+j] = 0
			}
			continue
		}
		for l, v := range w[(column+j)*ldw : (column+j)*ldw+p.k] {
			dst[l*width+j] = v
		}
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

package matrix

// check panics unless x holds a row-major matrix [rows][columns] with leading
// dimension ld.
func check(x []float32, ld, rows, columns int) {
	if rows < 0 || columns < 0 {
		panic("matrix: negative size")
	}
	if ld < columns {
		panic("matrix: leading dimension is less than the columns")
	}
	if rows > 0 && columns > 0 && (len(x) < columns || (len(x)-columns)/max(ld, 1) < rows-1) {
		panic("matrix: slice is too short")
	}
}

package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

// panelWidth is the width of the panel of a matrix of n columns that begins at
// column. It is a power of two that is at least the columns in it; only the
// last panel has fewer columns than it is wide. All panels of a matrix but the
// last two are of the level's greatest width.
func panelWidth(level kernel.Level, n, column int) int {
	rest := n - column
	switch {
	case level == kernel.Generic:
		return 4
	case level == kernel.AVX512 && rest > 24:
		return 32
	case rest > 8:
		return 16
	}
	return 8
}

// greatestWidth is the width of all panels but the last two.
func greatestWidth(level kernel.Level) int {
	switch level {
	case kernel.AVX512:
		return 32
	case kernel.AVX2:
		return 16
	}
	return 4
}

// panels is the number of panels of a matrix of n columns, and how wide they
// are together.
func panels(level kernel.Level, n int) (count, width int) {
	w := greatestWidth(level)
	count = n / w
	width = count * w
	for width < n {
		width += panelWidth(level, n, width)
		count++
	}
	return count, width
}

// panelColumn is the column at which panel i of a matrix of n columns begins.
func panelColumn(level kernel.Level, n, i int) int {
	w := greatestWidth(level)
	full := n / w
	column := min(i, full) * w
	for ; i > full; i-- {
		column += panelWidth(level, n, column)
	}
	return column
}

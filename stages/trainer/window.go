package trainer

import (
	"context"
	"io"

	"github.com/pathline/pathline/stages/random"
)

// Window shuffles a table that is larger than memory. It holds a fixed number
// of rows; a row is drawn from it at random, and the next row of the table
// takes its place. At the end of the table the window runs empty, and the next
// pass begins: every row is taken once per pass.
//
// Which slot is drawn is a function of (key, pass, place), so the sequence
// depends on the table, the key and the size of the window, and on nothing
// else: not on how the table is cut into batches. To continue at a cursor the
// pass is read again up to there, without training.
//
// A row moves about one window's length from where it stood: a table that is
// sorted by something that matters should be shuffled on disk, or given a
// window that spans it.
type Window struct {
	table Table
	width int
	size  int64
	key   random.Key
	at    Cursor

	reader Reader // of the present pass; nil before its first row
	ended  bool   // the reader has given all
	read   int64  // rows read in this pass
	held   int64  // rows in the window
	x      []float32
	number []int64

	ahead     []float32 // rows read and not yet in the window
	aheadRows int
	aheadNext int
}

// NewWindow makes a window of size rows over a table of rows of width columns.
func NewWindow(table Table, width int, size int64, key random.Key) *Window {
	if width < 1 || size < 1 {
		panic("trainer: window without rows or columns")
	}
	return &Window{table: table, width: width, size: size, key: key,
		ahead: make([]float32, max(1, 1<<14/width)*width)}
}

// Next gives the next rows.
func (w *Window) Next(ctx context.Context, x []float32, number []int64) error {
	for i := range number {
		if err := w.take(ctx, x[i*w.width:(i+1)*w.width], &number[i]); err != nil {
			return err
		}
	}
	return nil
}

// take draws one row; x may be nil.
func (w *Window) take(ctx context.Context, x []float32, number *int64) error {
	if w.reader == nil {
		if err := w.begin(ctx); err != nil {
			return err
		}
	}
	// slot = floor(u held): bias below held/2^53.
	slot := min(int64(w.key.Uniform(uint64(w.at.Place), uint32(w.at.Pass))*float64(w.held)), w.held-1)
	d := int64(w.width)
	at := w.x[slot*d : (slot+1)*d]
	if x != nil {
		copy(x, at)
		*number = w.number[slot]
	}
	w.at.Place++
	row, err := w.next(ctx)
	if err == nil {
		copy(at, row)
		w.number[slot] = w.read - 1
		return nil
	}
	if err != io.EOF {
		return err
	}
	w.held--
	copy(at, w.x[w.held*d:(w.held+1)*d])
	w.number[slot] = w.number[w.held]
	if w.held > 0 {
		return nil
	}
	w.at = Cursor{Pass: w.at.Pass + 1}
	return w.Close()
}

// begin opens the table and fills the window.
func (w *Window) begin(ctx context.Context) error {
	r, err := w.table(ctx)
	if err != nil {
		return err
	}
	w.reader, w.ended, w.read, w.held, w.aheadRows, w.aheadNext = r, false, 0, 0, 0, 0
	if w.x == nil {
		w.x, w.number = make([]float32, w.size*int64(w.width)), make([]int64, w.size)
	}
	for w.held < w.size {
		row, err := w.next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		copy(w.x[w.held*int64(w.width):], row)
		w.number[w.held] = w.read - 1
		w.held++
	}
	if w.held == 0 {
		w.Close()
		return ErrNoRows
	}
	return nil
}

// next is the next row of the table, or io.EOF.
func (w *Window) next(ctx context.Context) ([]float32, error) {
	if w.aheadNext == w.aheadRows {
		if w.ended {
			return nil, io.EOF
		}
		n, err := w.reader.Read(ctx, w.ahead)
		if err != nil && err != io.EOF {
			return nil, err
		}
		w.ended = err == io.EOF
		w.aheadRows, w.aheadNext = n, 0
		if n == 0 {
			return nil, io.EOF
		}
	}
	i := w.aheadNext * w.width
	w.aheadNext++
	w.read++
	return w.ahead[i : i+w.width], nil
}

// Cursor says where the next row stands.
func (w *Window) Cursor() Cursor { return w.at }

// Seek reads the pass again up to the place.
func (w *Window) Seek(ctx context.Context, c Cursor) error {
	if c.Pass < 0 || c.Place < 0 {
		return errOutside
	}
	if err := w.Close(); err != nil {
		return err
	}
	w.at = Cursor{Pass: c.Pass}
	for w.at.Place < c.Place {
		if err := w.take(ctx, nil, nil); err != nil {
			return err
		}
		if w.at.Pass != c.Pass {
			return errOutside
		}
	}
	return nil
}

// Close ends the reading of the present pass.
func (w *Window) Close() error {
	if w.reader == nil {
		return nil
	}
	r := w.reader
	w.reader = nil
	return r.Close()
}

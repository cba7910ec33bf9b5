package trainer

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/pathline/pathline/stages/random"
)

// Rows is an endless sequence of training rows: pass after pass over the same
// table, each row once per pass, in an order that a key decides. It is used by
// one goroutine.
type Rows interface {
	// Next writes len(number) rows to x [rows][width], and the place of each in
	// the table to number.
	Next(ctx context.Context, x []float32, number []int64) error

	// Cursor says where the next row stands; Seek goes there. The same cursor
	// gives the same rows.
	Cursor() Cursor
	Seek(ctx context.Context, c Cursor) error

	// Close ends what Next started.
	Close() error
}

// Cursor is a place in the sequence of passes.
type Cursor struct {
	Pass  int64 `json:"pass"`  // passes that are complete
	Place int64 `json:"place"` // rows taken in this pass
}

// Table is one way to read a table from its first row, any number of times.
type Table func(ctx context.Context) (Reader, error)

// Reader is one reading of a table.
type Reader interface {
	// Read fills x [rows][width] from its start and returns the number of rows;
	// less than asked for only together with io.EOF or an error.
	Read(ctx context.Context, x []float32) (rows int, err error)
	Close() error
}

// ErrNoRows says that a table is empty.
var ErrNoRows = errors.New("trainer: no rows to train on")

// errOutside says that Seek got a cursor that no run over this table has.
var errOutside = errors.New("trainer: the place to continue from lies outside of the table")

// Memory is a table held in memory. A pass has the order of key.Shuffle for the
// number of rows and the pass: a uniform shuffle of the whole table. It is drawn
// when a pass begins, or in the middle of one after Seek. More rows than Shuffle
// can number, 2^31, have the order of key.Permute.
type Memory struct {
	x     []float32
	width int
	key   random.Key
	at    Cursor

	large bool
	order []int32 // of the rows in pass; nil before the first row, and when there are too many
	pass  int64
}

// NewMemory takes x [rows][width], which it keeps; see Layout. There must be a
// row.
func NewMemory(x []float32, width int, key random.Key) *Memory {
	if width < 1 || len(x) == 0 || len(x)%width != 0 {
		panic("trainer: table is not rows of width columns")
	}
	return &Memory{x: x, width: width, key: key, large: len(x)/width > math.MaxInt32}
}

// Rows is the number of rows in the table.
func (m *Memory) Rows() int64 { return int64(len(m.x) / m.width) }

// Next gives the next rows.
func (m *Memory) Next(_ context.Context, x []float32, number []int64) error {
	m.numbers(number)
	m.gather(x, number, 0)
	return nil
}

// numbers goes on by len(number) rows.
func (m *Memory) numbers(number []int64) {
	for len(number) > 0 {
		n := min(int64(len(number)), m.Rows()-m.at.Place)
		if m.large {
			for i := range n {
				number[i] = int64(m.key.Permute(uint64(m.at.Place+i), uint64(m.Rows()), uint32(m.at.Pass)))
			}
		} else {
			m.shuffle()
			for i, r := range m.order[m.at.Place : m.at.Place+n] {
				number[i] = int64(r)
			}
		}
		number = number[n:]
		if m.at.Place += n; m.at.Place == m.Rows() {
			m.at = Cursor{Pass: m.at.Pass + 1}
		}
	}
}

// shuffle makes the order of the present pass.
func (m *Memory) shuffle() {
	if m.order != nil && m.pass == m.at.Pass {
		return
	}
	if m.order == nil {
		m.order = make([]int32, m.Rows())
	}
	m.key.Shuffle(m.order, uint32(m.at.Pass))
	m.pass = m.at.Pass
}

// gather copies the rows of these numbers to x [len(number)][width].
func (m *Memory) gather(x []float32, number []int64, _ int) {
	w := m.width
	for i, r := range number {
		copy(x[i*w:(i+1)*w], m.x[int(r)*w:])
	}
}

// Cursor says where the next row stands.
func (m *Memory) Cursor() Cursor { return m.at }

// Seek goes to a place.
func (m *Memory) Seek(_ context.Context, c Cursor) error {
	if c.Pass < 0 || c.Place < 0 || c.Place >= m.Rows() {
		return errOutside
	}
	m.at = c
	return nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }

// Load reads a table into memory when it has at most limit rows. Otherwise x
// is nil and count the number of rows, which is -1 when countAll is false: then
// the reading stops as soon as the table is known not to fit. expect is the
// number of rows if it is known, or 0.
func Load(ctx context.Context, table Table, width int, limit, expect int64, countAll bool) (x []float32, count int64, err error) {
	r, err := table(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	chunk := make([]float32, max(1, 1<<14/width)*width)
	x = make([]float32, 0, min(expect, limit)*int64(width))
	for {
		n, err := r.Read(ctx, chunk)
		count += int64(n)
		if count > limit {
			x = nil
			if !countAll {
				return nil, -1, nil
			}
		} else {
			x = append(x, chunk[:n*width]...)
		}
		if err == io.EOF {
			return x, count, nil
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

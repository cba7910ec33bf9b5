package trainer

import "context"

// taken is a batch of the table's rows as they are, for objectives that need nothing
// else.
type taken struct {
	o      *Options
	rows   Rows
	width  int       // columns of a row, conditions included
	number []int64   // of the rows of the batch at hand
	table  indexed   // rows are copied tile by tile; nil when batch has them
	batch  []float32 // [batch][width]
	tile   [][]float32
}

func newTaken(o *Options, rows Rows, width int, l *lanes) taken {
	d := taken{o: o, rows: rows, width: width, number: make([]int64, o.Batch)}
	if d.table, _ = rows.(indexed); d.table == nil {
		d.batch = make([]float32, o.Batch*width)
	}
	for i := range l.loss {
		d.tile = append(d.tile, make([]float32, l.mostRows(i)*width))
	}
	return d
}

// take goes to the next batch.
func (d *taken) take(ctx context.Context) error {
	if d.table != nil {
		d.table.numbers(d.number)
		return nil
	}
	return d.rows.Next(ctx, d.batch, d.number)
}

// fill gives examples lo..hi-1 of the batch at hand, in the memory of tile where they
// are copied.
func (d *taken) fill(tile []float32, lo, hi int) []float32 {
	if d.table == nil {
		return d.batch[lo*d.width : hi*d.width]
	}
	tile = tile[:(hi-lo)*d.width]
	d.table.gather(tile, d.number[lo:hi], lo)
	return tile
}

// blame says which rows of the batch at hand are the reason for a loss that is not
// finite: score writes the losses of examples lo.., x [rows][width], and may leave out
// what it cannot score as NaN.
func (d *taken) blame(step int64, loss float64, score func(terms []float64, x []float32, lo, rows int) error) error {
	x, terms := make([]float32, tileRows*d.width), make([]float64, tileRows)
	var bad, broken named
	for lo := 0; lo < d.o.Batch; lo += tileRows {
		hi := min(lo+tileRows, d.o.Batch)
		rows := d.fill(x, lo, hi)
		if err := score(terms[:hi-lo], rows, lo, hi-lo); err != nil {
			return err
		}
		for i, n := range d.number[lo:hi] {
			if !finite(norm2(rows[i*d.width : (i+1)*d.width])) {
				broken.add(n)
			}
			if !finite(terms[i]) {
				bad.add(n)
			}
		}
	}
	return lossOf(step, loss, broken, bad)
}

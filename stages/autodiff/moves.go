package autodiff

import "github.com/pathline/pathline/stages/internal/kernel/vector"

// moves is the instruction of a node whose elements are elements of others, or
// sums of some.
func (l *lowering) moves(s *list, n int) instruction {
	m := l.g.nodes[n]
	var sources []buffer
	for _, a := range m.args {
		sources = append(sources, l.buffer(a))
	}
	x := l.g.nodes[m.args[0]].shape
	if m.op == opTranspose && s.single {
		return &transpose{x: sources[0], rows: x[len(x)-2], columns: x[len(x)-1], y: l.set(s, n)}
	}
	i := &shuffle{sources: sources, add: m.op == opSum || m.op == opScatter}
	i.y = l.set(s, n)
	width := i.y.width
	count := size(m.shape)
	if i.add {
		count = size(x)
	}
	for k := range count {
		source, from, to := 0, k, k
		switch m.op {
		case opSum:
			inner, axis := size(x[m.i+1:]), x[m.i]
			to = k/(axis*inner)*inner + k%inner
		case opScatter:
			at := m.index[k%len(m.index)]
			if at < 0 {
				continue
			}
			to = k/len(m.index)*width + int(at)
		case opBroadcast:
			inner := size(m.shape[m.i+1:])
			from = k/(m.j*inner)*inner + k%inner
		case opGather:
			if from = int(m.index[k%width]); from < 0 {
				source = -1
			} else {
				from += k / width * x[len(x)-1]
			}
		case opSlice:
			from = k/width*x[len(x)-1] + m.i + k%width
		case opTranspose:
			a, b := m.shape[len(m.shape)-2], width
			from = k/(a*b)*a*b + k%b*a + k/b%a
		case opConcat:
			c := k % width
			for source = 0; c >= sources[source].width; source++ {
				c -= sources[source].width
			}
			from = k/width*sources[source].width + c
		}
		u := run{source: source, toPlane: to / width, toX: to % width, n: 1}
		if source >= 0 {
			w := sources[source].width
			u.fromPlane, u.fromX = from/w, from%w
		}
		i.extend(u)
	}
	return i
}

// extend adds one element, to the last run where it continues it.
func (i *shuffle) extend(u run) {
	if k := len(i.runs) - 1; k >= 0 {
		r := &i.runs[k]
		if r.source == u.source && r.toPlane == u.toPlane && r.toX+r.n == u.toX &&
			(u.source < 0 || r.fromPlane == u.fromPlane && r.fromX+r.n == u.fromX) {
			r.n++
			return
		}
	}
	i.runs = append(i.runs, u)
}

// transpose is that of matrices which are not of rows.
type transpose struct {
	y, x          buffer
	rows, columns int
}

func (i *transpose) buffers(visit func(buffer, bool)) { visit(i.x, false); visit(i.y, true) }

func (i *transpose) run(m *machine, _ int) {
	x, y := m.block(i.x, 1).data, m.block(i.y, 1).data
	n := i.rows * i.columns
	for k := 0; k < i.x.planes*i.x.width; k += n {
		vector.Transpose(y[k:k+n], i.rows, x[k:k+n], i.columns, i.rows, i.columns)
	}
}

package main

// Bits of 2^52 and of 2^73: an integer below 2^32 in the lower half of a lane
// under their upper half is that number plus the integer, or plus 2^21 times it.
const (
	two52 = C(0x433 << 52)
	two73 = C(0x448 << 52)
)

// halfway is word + 1/2.
func (m *machine) halfway(w V) V { return m.sub(m.upper(w, two52), f(0x1p52-0.5)) }

// top53 is the top 53 bits of two words as an integer, as the difference of two
// exact numbers.
func (m *machine) top53(lo, hi V) V {
	h := m.sub(m.upper(hi, two73), f(0x1p73+0x1p52))
	return m.add(h, m.upper(m.rightHalves(lo, 11), two52))
}

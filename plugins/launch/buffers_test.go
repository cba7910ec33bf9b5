package launch

import "testing"

// A buffer is less than twice as large as what was asked for, up to a frame.
func TestBuffersFit(t *testing.T) {
	p := Buffers()
	for _, n := range []int{1, 300, 5000, 35_000, 41_000, 600_000, 5 << 20, MessageBytes} {
		b := p.Get(n)
		if len(*b) != n || cap(*b) >= 2*max(n, 256) && n > 128 {
			t.Errorf("%d bytes are in a buffer of %d", n, cap(*b))
		}
		p.Put(b)
	}
}

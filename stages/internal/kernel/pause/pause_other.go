//go:build !amd64 || purego

package pause

import "sync/atomic"

var turn atomic.Uint32

// spin reads a word that nobody writes, which the compiler cannot leave out.
func spin(times int) {
	for range 32 * times {
		turn.Load()
	}
}

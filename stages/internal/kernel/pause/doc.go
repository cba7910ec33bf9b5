// Package pause tells the processor that a loop waits for another core: PAUSE
// leaves the core's resources to its other thread and saves energy, and the
// loop leaves without the penalty of a mispredicted order of memory (Intel 64
// and IA-32 Architectures Software Developer's Manual, volume 2, PAUSE).
//
// One PAUSE takes 10 to 50 ns. Elsewhere Spin is a short loop in Go.
//
// The file pause_amd64.s is written by gen/pause.
package pause

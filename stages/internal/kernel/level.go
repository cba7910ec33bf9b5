package kernel

import (
	"fmt"
	"os"
	"sync/atomic"
)

// Level is an instruction set, from the least to the most.
type Level uint32

// The levels.
const (
	Generic Level = iota // Go
	AVX2                 // AVX2 and FMA
	AVX512               // AVX-512 F, BW, DQ and VL
)

// String is the word that PATHLINE_KERNEL takes.
func (l Level) String() string { return [...]string{"generic", "avx2", "avx512"}[l] }

// variable names the choice in the environment.
const variable = "PATHLINE_KERNEL"

var (
	best    = detect()
	current atomic.Uint32
	wrong   error
)

func init() {
	var l Level
	l, wrong = choose(os.Getenv(variable), best)
	current.Store(uint32(l))
}

// choose is the level for a word of the environment on a processor that has
// best: a level that is not there is an error, and the best one is used.
func choose(word string, best Level) (Level, error) {
	if word == "" {
		return best, nil
	}
	for l := Generic; l <= AVX512; l++ {
		if l.String() != word {
			continue
		}
		if l > best {
			return best, fmt.Errorf("kernel: %s=%s: this processor or build has %s at most; using that", variable, word, best)
		}
		return l, nil
	}
	return best, fmt.Errorf("kernel: %s=%q is not one of avx512, avx2, generic; using %s", variable, word, best)
}

// Best is the most that the processor has and the build holds.
func Best() Level { return best }

// Current is the level in use.
func Current() Level { return Level(current.Load()) }

// Chosen says what is wrong with the environment's choice, if anything.
func Chosen() error { return wrong }

// Use changes the level, for tests, and returns the one before. A level above
// Best panics. Nothing may be computing meanwhile.
func Use(l Level) (before Level) {
	if l > best {
		panic("kernel: the processor does not have this level")
	}
	return Level(current.Swap(uint32(l)))
}

package kernel

import "testing"

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		word  string
		best  Level
		want  Level
		wrong bool
	}{
		{"", AVX512, AVX512, false},
		{"", Generic, Generic, false},
		{"avx2", AVX512, AVX2, false},
		{"generic", AVX2, Generic, false},
		{"avx512", AVX2, AVX2, true},
		{"sse", AVX2, AVX2, true},
	} {
		got, err := choose(c.word, c.best)
		if got != c.want || (err != nil) != c.wrong {
			t.Errorf("choose(%q, %s) = %s, %v", c.word, c.best, got, err)
		}
	}
}

func TestUse(t *testing.T) {
	before := Current()
	defer Use(before)
	for l := Generic; l <= Best(); l++ {
		Use(l)
		if Current() != l {
			t.Errorf("Use(%s) leaves %s", l, Current())
		}
	}
	if Best() < AVX512 {
		defer func() {
			if recover() == nil {
				t.Error("a level that the processor does not have was accepted")
			}
		}()
		Use(AVX512)
	}
}

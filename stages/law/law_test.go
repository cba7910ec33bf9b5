package law_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/law"
)

func even() law.Law[int] {
	return law.Law[int]{Name: "even", Sentence: "The number is even.", Check: func(t law.T, n int) {
		switch {
		case n < 0:
			panic("below zero")
		case n > 100:
			t.Fatalf("%d is too large", n)
			t.Error("and the check went on")
		case n%2 != 0:
			for range 7 {
				t.Errorf("%d is odd", n)
			}
		}
	}}
}

func TestBroken(t *testing.T) {
	for n, want := range map[int]string{4: "", 3: "3 is odd", 101: "101 is too large", -1: "panic: below zero"} {
		err := even().Broken(t.Context(), n)
		if want == "" {
			if err != nil {
				t.Errorf("%d: %v", n, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "went on") {
			t.Errorf("%d: %v", n, err)
		}
		if n == 3 && (strings.Count(err.Error(), "odd") != 5 || !strings.HasSuffix(err.Error(), "and 2 more")) {
			t.Errorf("of seven findings: %v", err)
		}
	}
	law.Test(t, []law.Law[int]{even()}, 8)
}

func Example() {
	fmt.Println(even().Broken(context.Background(), 200))
	// Output: 200 is too large
}

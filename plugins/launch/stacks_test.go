package launch

import (
	"strings"
	"testing"
)

// Of a dump the stacks are shown that say what the stage does.
func TestRelevantStacks(t *testing.T) {
	idle := "goroutine 2 gp=0x1 m=nil [force gc (idle)]:\nruntime.gopark(0x1)\n\t/go/proc.go:1\ncreated by runtime.init.7 in goroutine 1"
	main := "goroutine 1 [select]:\nmain.main()\n\t/x.go:1"
	call := "goroutine 9 [sleep]:\nmain.Path.Coefficients()\n\t/x.go:5\n" + answerFrame + "...)\n\t/answer.go:1 +0x1 fp=0x1 sp=0x2 pc=0x3"
	python := "Current thread 0x1 (most recent call first):\n  File \"x.py\", line 3 in f\nThread 0x2 (most recent call first):\n  File \"y.py\", line 4 in g"
	registers := "rax    0x0\nrip    0x1"
	for _, c := range []struct{ dump, want string }{
		{strings.Join([]string{"SIGQUIT: quit\nPC=0x1", idle, main, call, registers}, "\n\n"), strings.Replace(call, " fp=0x1 sp=0x2 pc=0x3", "", 1)},
		{strings.Join([]string{"SIGQUIT: quit\nPC=0x1", idle, main, registers}, "\n\n"), main},
		{python, python},
		{"", ""},
	} {
		if got := strings.Join(relevant(strings.Split(c.dump, "\n")), "\n"); got != c.want {
			t.Errorf("of\n%s\nthis is shown:\n%s", c.dump, got)
		}
	}
	if n := len(relevant(strings.Split(strings.Repeat("x\n", 1000), "\n"))); n != stacksShown+1 {
		t.Errorf("%d lines", n)
	}
}

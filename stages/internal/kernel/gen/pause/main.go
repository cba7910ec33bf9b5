// Command pause writes the assembly of package pause.
//
//	go run ./pause
package main

import (
	"os"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	os.Args = append(os.Args[:1], "-out", "../pause/pause_amd64.s", "-stubs", "../pause/pause_amd64.go", "-pkg", "pause")
	ConstraintExpr("!purego")
	TEXT("spin", NOSPLIT, "func(times int)")
	Doc("spin executes PAUSE so many times; at least once.")
	n := Load(Param("times"), GP64())
	Label("again")
	PAUSE()
	DECQ(n)
	JG(LabelRef("again"))
	RET()
	Generate()
}

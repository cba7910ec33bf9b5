package conform

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/stages"
)

// The test binary is its own plugin: started with the argument test-plugin it
// serves, in the manner that the next argument names.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "test-plugin" {
		if os.Args[2] == "builtin" {
			r := stages.Builtin()
			// One needs what does not travel: which path an exact model is on.
			i, _ := r.Find("sampler", "sde")
			i.Hidden = true
			plugins.Serve(r, "pathline", "test")
		} else {
			plugins.Serve(wrongRegistry(os.Args[2]), "wrong", "1")
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func command(manner string) []string { return []string{os.Args[0], "test-plugin", manner} }

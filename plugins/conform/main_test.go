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
			// Others need what does not travel: which path an exact model is on, and a
			// network that is differentiated backwards.
			for _, name := range [][2]string{{"sampler", "sde"}, {"trainer", "mle"}} {
				i, _ := r.Find(name[0], name[1])
				i.Hidden = true
			}
			plugins.Serve(r, "pathline", "test")
		} else {
			plugins.Serve(wrongRegistry(os.Args[2]), "wrong", "1")
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func command(manner string) []string { return []string{os.Args[0], "test-plugin", manner} }

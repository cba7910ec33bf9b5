package loader

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/loader/distribution"
)

// TestEveryDistributionHasAName: a file can ask for what package distribution has.
func TestEveryDistributionHasAName(t *testing.T) {
	f, _ := reflect.TypeFor[Generate]().FieldByName("Name")
	var names []string
	for _, d := range distribution.All() {
		names = append(names, d.Name)
	}
	if got := strings.Join(names, ","); got != f.Tag.Get("enum") {
		t.Errorf("the key name takes %s; there are %s", f.Tag.Get("enum"), got)
	}
}

package schemas_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pathline/pathline/schemas"
)

// TestWrappedOnce: an error in another keeps its reason, its place and its advice, and
// none of them is said twice.
func TestWrappedOnce(t *testing.T) {
	inner := schemas.Errorf(schemas.OutOfRange, "7 is odd").At("with.steps").Suggest("write 8")
	list := schemas.Errors(fmt.Errorf("rows 3 to 5: %w", inner), schemas.StageFailed)
	if len(list) != 1 || list[0].Error() != "with.steps: rows 3 to 5: 7 is odd; write 8" || list[0].Reason != schemas.OutOfRange || !errors.Is(list[0], inner) {
		t.Errorf("%v", list)
	}
}

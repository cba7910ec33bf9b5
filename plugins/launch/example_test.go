package launch_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/plugins/launch"
)

// What does not start says why.
func ExampleStart() {
	_, err := launch.Start(context.Background(), launch.Config{Name: "gpu", Command: []string{"a-program-that-nobody-has"}})
	fmt.Println(err)
	// Output: plugin "gpu": there is no program a-program-that-nobody-has; programs without a slash are looked for in PATH, others from the folder of the pipeline file
}

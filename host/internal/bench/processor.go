package bench

import (
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// processor is the processor's name, or its architecture where it does not say.
func processor() string {
	if name := strings.TrimSpace(cpuid.CPU.BrandName); name != "" {
		return name
	}
	return runtime.GOARCH
}

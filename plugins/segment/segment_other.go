//go:build !linux

package segment

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

var errHere = fmt.Errorf("segment: no sealed memory on %s: %w", runtime.GOOS, errors.ErrUnsupported)

func newLabel() (string, error) { return "", errHere }

func create(string, int, bool) (*Segment, error) { return nil, errHere }

func nameOf(*os.File) string { return "" }

func open(string, string, int, bool) (*Segment, error) { return nil, errHere }

func unmap([]byte) {}

package model

import "fmt"

// unfitConfig is what is wrong about one key of a configuration, so that the
// file's reader can be shown the place.
type unfitConfig struct {
	model, key string
	kind       unfitKind
	err        error
}

// unfitKind is a class of wrong configurations.
type unfitKind uint8

const (
	outOfRange unfitKind = iota
	conflict             // with another key
	missing              // one of two keys is needed
	widths               // two keys differ in length
)

func unfit(model, key string, kind unfitKind, format string, args ...any) error {
	return &unfitConfig{model, key, kind, fmt.Errorf(format, args...)}
}

// Error says model, key and what is wrong.
func (e *unfitConfig) Error() string {
	return "model: " + e.model + ": " + e.key + ": " + e.err.Error()
}

// Unwrap gives what is wrong without the place.
func (e *unfitConfig) Unwrap() error { return e.err }

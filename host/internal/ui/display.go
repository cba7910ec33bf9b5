package ui

import (
	"io"

	"github.com/pathline/pathline/pipeline"
)

// Display shows events. Event may be called concurrently, not after Close.
// What is written to the Display goes between its own lines, never into a bar.
type Display interface {
	Event(pipeline.Event)
	io.Writer
	Close() error
}

// Options say how lines look.
type Options struct {
	Colour bool
	// Name is the width of the column of stage names.
	Name int
}

// Quiet shows nothing; what is written to it goes to w.
func Quiet(w io.Writer) Display { return quiet{w} }

type quiet struct{ io.Writer }

func (quiet) Event(pipeline.Event) {}
func (quiet) Close() error         { return nil }

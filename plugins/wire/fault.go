package wire

import (
	"context"
	"errors"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// FaultOf writes an error for the other side: every joined error with its
// reason, place and suggestion.
func FaultOf(err error) *pluginpb.Fault {
	otherwise := schemas.StageFailed
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		otherwise = schemas.Interrupted
	}
	return &pluginpb.Fault{Diagnostics: Diagnostics(err, otherwise)}
}

// Diagnostics lists the joined errors of err.
func Diagnostics(err error, otherwise schemas.Reason) []*pluginpb.Diagnostic {
	var out []*pluginpb.Diagnostic
	for _, e := range schemas.Errors(err, otherwise) {
		out = append(out, &pluginpb.Diagnostic{
			Reason: string(e.Reason), Message: e.Message, Path: e.Path, Suggestion: e.Suggestion,
			File: e.File, Line: uint32(max(e.Line, 0)), Column: uint32(max(e.Column, 0)),
		})
	}
	return out
}

// maxMessage bounds the text of an error that another process wrote.
const maxMessage = 16 << 10

// ErrorOf reads what FaultOf wrote; one error, or several joined.
func ErrorOf(diagnostics []*pluginpb.Diagnostic) error {
	var errs []error
	for i, d := range diagnostics {
		if i == 100 {
			break
		}
		reason := schemas.Reason(d.GetReason())
		if !known(reason) {
			reason = schemas.PluginFault
		}
		e := &schemas.Error{Reason: reason, Message: clip(d.GetMessage()), Path: clip(d.GetPath()), Suggestion: clip(d.GetSuggestion()),
			File: clip(d.GetFile()), Line: int(d.GetLine()), Column: int(d.GetColumn())}
		errs = append(errs, e)
	}
	switch len(errs) {
	case 0:
		return schemas.Errorf(schemas.PluginFault, "a plugin reported a failure without saying which")
	case 1:
		return errs[0]
	}
	return errors.Join(errs...)
}

func known(r schemas.Reason) bool {
	for _, a := range schemas.Reasons {
		if a.Reason == r {
			return true
		}
	}
	return false
}

func clip(s string) string {
	if len(s) > maxMessage {
		return s[:maxMessage] + "..."
	}
	return s
}

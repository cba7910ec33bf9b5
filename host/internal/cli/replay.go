package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/schemas"
)

// replayView is what came of a bundle.
type replayView struct {
	*plugins.Replayed
	Now string `json:"now,omitempty"` // the failure that came
}

func (a *app) pluginReplay() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:   "replay BUNDLE [-- COMMAND ARG...]",
		Short: "Show the failure of a plugin again",
		Long: `Start the plugin of a replay bundle, or COMMAND, open the same instance, make the
same calls with the same bytes, answer the plugin's own calls as they were
answered, and say whether it fails again. A run leaves a bundle as
runs/NAME/.pathline/STAGE/crash-N when a plugin crashes, hangs or breaks the
protocol. It holds rows of the data.

Exit codes: 0 it did not happen again, 4 a plugin failed.`,
		Example: "  host plugin replay runs/x/.pathline/train/crash-1\n  host plugin replay crash-1 -- ./my-plugin-with-a-fix",
		Args: func(cmd *cobra.Command, args []string) error {
			switch dash := cmd.ArgsLenAtDash(); {
			case len(args) == 0 || dash == 0:
				return usage(cmd, "%s needs a BUNDLE", cmd.CommandPath())
			case dash == 1 && len(args) == 1:
				return usage(cmd, "%s needs a command after --", cmd.CommandPath())
			case dash != 1 && len(args) > 1:
				return usage(cmd, "%s takes one BUNDLE, and a command after --", cmd.CommandPath())
			}
			return nil
		},
	}, func(cmd *cobra.Command, args []string) (result, error) {
		h := plugins.NewHost(a.logger(nil))
		defer h.Close()
		r, err := h.Replay(cmd.Context(), args[0], args[1:]...)
		if err != nil {
			return result{}, err
		}
		if r.Err != nil {
			return result{}, replayError(r)
		}
		return result{replayView{Replayed: r}, func(w io.Writer) {
			fmt.Fprintf(w, "it did not happen again: %s\n", message(firstLine(r.Crash.Error)))
			for _, s := range r.Answers {
				fmt.Fprintf(w, "  answered: %s\n", clean(s))
			}
			if r.Beyond {
				fmt.Fprintln(w, "  the plugin went on past the moment of the failure")
			}
			if r.Crash.Reason == schemas.PluginProtocol {
				fmt.Fprintln(w, "  the plugin kept to the protocol; whether its values are right only the run checks")
			}
			if r.Cut {
				fmt.Fprintln(w, "  the bundle is cut: what was too large for it was not replayed")
			}
		}}, nil
	})
	return cmd
}

// replayError is the failure that came, and whether it is the one of the bundle.
func replayError(r *plugins.Replayed) error {
	var e *schemas.Error
	if !errors.As(r.Err, &e) {
		return r.Err
	}
	c := *e
	if r.Again {
		c.Message = "it happened again: " + c.Message
	} else {
		c.Message = fmt.Sprintf("another failure than the bundle's (%s): %s", r.Crash.Reason, c.Message)
	}
	return &c
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/pathline/pathline/host/internal/ui"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

func showRun(dir string) (result, error) {
	r, err := pipeline.LoadRecord(dir)
	if err != nil {
		e := schemas.Errors(err, schemas.CorruptFile)[0]
		if e.Reason == schemas.FileNotFound {
			return result{}, schemas.Errorf(schemas.FileNotFound, "%s is no output folder: it has no run.json", dir)
		}
		e.Message = filepath.Join(dir, "run.json") + ": " + e.Message
		return result{}, e
	}
	return result{r, func(w io.Writer) { writeRecord(w, r) }}, nil
}

func writeRecord(w io.Writer, r *pipeline.Record) {
	fmt.Fprintf(w, "%s: %s, %s, %s, seed %d\n\n", clean(r.Name), clean(r.Status), r.Started.Local().Format(time.DateTime), ui.Seconds(r.Seconds), r.Seed)
	names := r.Order
	if len(names) == 0 {
		names = sortedKeys(r.Stages)
	}
	rows := [][]string{{"STAGE", "USES", "STATUS", "ROWS", "TIME", "EVALUATIONS", "FILES"}}
	for _, n := range names {
		s := r.Stages[n]
		var files []string
		for _, f := range sortedKeys(s.Outputs) {
			if !strings.HasPrefix(f, ".") {
				files = append(files, clean(f))
			}
		}
		row := []string{clean(n), clean(s.Kind + "/" + s.Use), clean(s.Status), "", "", "", strings.Join(files, ", ")}
		if s.Rows > 0 {
			row[3] = ui.Count(s.Rows)
		}
		if s.Status == pipeline.StatusRan || s.Status == pipeline.StatusFailed || s.Status == pipeline.StatusInterrupted {
			row[4] = ui.Seconds(s.Seconds)
		}
		if s.Evaluations > 0 {
			row[5] = ui.Short(s.Evaluations)
		}
		rows = append(rows, row)
	}
	table(w, "", rows)
	for _, n := range names {
		s := r.Stages[n]
		if len(s.Metrics) > 0 {
			fmt.Fprintf(w, "\n%s\n", clean(n))
			var rows [][]string
			for _, k := range sortedKeys(s.Metrics) {
				rows = append(rows, []string{clean(k), number(s.Metrics[k])})
			}
			table(w, "  ", rows)
		}
		if s.Error != "" {
			fmt.Fprintf(w, "\n%s\n", message(s.Error))
		}
	}
}

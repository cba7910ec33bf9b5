package remote

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// A writer: facts {readable};
//
//	write(; file) with the port rows -> {rows}     how many were written
//	open(; file)                     -> outputs    the rows of a file that it wrote
//
// Files have absolute names; both sides see them.

type writerFacts struct {
	Readable bool `json:"readable,omitempty"`
}

type fileParams struct {
	File string `json:"file"`
}

type writtenFacts struct {
	Rows int64 `json:"rows"`
}

// rowsPort is the port of write.
const rowsPort = "rows"

func writerBinding() binding {
	return binding{kind: "writer",
		offer: func(p *peer, v any) (any, object, bool) {
			f, ok := v.(pipeline.RowFile)
			if !ok {
				return nil, nil, false
			}
			return writerFacts{f.Readable()}, func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
				return answerWriter(ctx, p, f, method, m)
			}, true
		},
		standIn: func(r remote, raw json.RawMessage, _ naming) (any, error) {
			var f writerFacts
			if err := factsInto(raw, &f); err != nil {
				return nil, err
			}
			return remoteWriter{r, f.Readable}, nil
		}}
}

func answerWriter(ctx context.Context, p *peer, f pipeline.RowFile, method string, m wire.Message) (wire.Message, error) {
	var none wire.Message
	var c fileParams
	if err := params(m, &c); err != nil {
		return none, err
	}
	switch method {
	case "write":
		if len(m.Ports) != 1 || m.Ports[0].GetName() != rowsPort || m.Ports[0].GetRows() == nil {
			return none, schemas.Errorf(schemas.PluginProtocol, "write is due with the port %s", rowsPort)
		}
		rows, err := p.rows(m.Ports[0].GetRows(), nil)
		if err != nil {
			return none, err
		}
		n, err := f.Write(ctx, c.File, rows)
		if err != nil {
			return none, err
		}
		return valuesOf(writtenFacts{n})
	case "open":
		rows, err := f.Open(ctx, c.File)
		if err != nil {
			return none, err
		}
		o, _, err := p.offerRows(rows)
		if err != nil {
			return none, err
		}
		return wire.Message{Outputs: &pluginpb.Outputs{Rows: map[string]*pluginpb.Rows{"": o}}}, nil
	}
	return none, noMethod("writer", method)
}

// remoteWriter is a pipeline.RowFile of the other side.
type remoteWriter struct {
	remote
	readable bool
}

// Readable implements pipeline.RowFile.
func (w remoteWriter) Readable() bool { return w.readable }

// Write implements pipeline.RowFile: the other side reads the rows from here.
func (w remoteWriter) Write(ctx context.Context, file string, rows pipeline.Rows) (int64, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return 0, pipeline.FileError(err)
	}
	o, target, err := w.offerRows(rows)
	if err != nil {
		return 0, err
	}
	defer w.withdraw(target)
	var done writtenFacts
	_, err = w.call(ctx, "write", fileParams{file}, wire.Message{Ports: []*pluginpb.Port{{Name: rowsPort, Rows: o}}}, &done)
	if err != nil {
		return 0, interrupted(err)
	}
	if done.Rows < 0 {
		return 0, w.broke(schemas.Errorf(schemas.PluginProtocol, "%d rows are said to be written", done.Rows))
	}
	return done.Rows, nil
}

// Open implements pipeline.RowFile.
func (w remoteWriter) Open(ctx context.Context, file string) (pipeline.Rows, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	out, err := w.call(ctx, "open", fileParams{file}, wire.Message{}, nil)
	if err != nil {
		return nil, interrupted(err)
	}
	rows := out.Outputs.GetRows()[""]
	if rows == nil {
		return nil, w.broke(schemas.Errorf(schemas.PluginProtocol, "a writer opens a file and gives no rows"))
	}
	return w.rows(rows, nil)
}

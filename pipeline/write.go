package pipeline

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"github.com/pathline/pathline/schemas"
)

// rowsFile is where rows that nobody asked to see are kept for those that read
// them, inside of the state folder of a stage.
const rowsFile = "rows.parquet"

// writeRows puts rows into files: the one that `to:` names, and for kinds whose
// rows are expensive one that can be read back.
func (r *runner) writeRows(ctx context.Context, s *stage, out *Outputs, state *stageState) error {
	rows, ok := out.Rows[""]
	if !ok {
		return nil
	}
	state.Rows = rows.Count()
	readable, err := r.p.readable(ctx, s)
	if err != nil {
		return err
	}
	if s.kind.Stored && s.taken && !readable {
		name := s.copyName()
		n, d, err := r.writeFile(ctx, s, s.keeper(r), name, rows)
		if err != nil {
			return err
		}
		state.Rows = n
		state.Outputs[name] = d
		if err := r.openRows(ctx, s, out); err != nil {
			return err
		}
		rows = out.Rows[""]
	}
	if s.to == nil {
		return nil
	}
	n, d, err := r.writeFile(ctx, s, s.to, s.to.file, rows)
	if err != nil {
		return err
	}
	state.Rows = n
	state.Outputs[s.to.file] = d
	r.emit(Event{Type: StageFile, Stage: s.name, File: s.to.file, Rows: n})
	if s.kind.Stored && readable {
		return r.openRows(ctx, s, out)
	}
	return nil
}

// readable says whether the file that `to:` names gives the rows back bit for
// bit.
func (p *Pipeline) readable(ctx context.Context, s *stage) (ok bool, err error) {
	if s.to == nil {
		return false, nil
	}
	err = protect(func() error {
		w, err := s.to.rowFile(ctx, p.env(s))
		if err == nil {
			ok = w.Readable()
		}
		return err
	})
	return ok, err
}

// copyName is where the framework keeps its own copy of the rows of a stage,
// relative to the output folder.
func (s *stage) copyName() string { return path.Join(stateFolder, s.name, rowsFile) }

// keeper is the writer of the framework's own copies.
func (s *stage) keeper(r *runner) *output {
	i, ok := r.p.registry.Find("writer", "parquet")
	if !ok {
		panic("pipeline: stored rows need a parquet writer")
	}
	config, _ := i.Config.Resolve(nil)
	return &output{file: rowsFile, writer: i, config: config}
}

func (r *runner) rowFile(ctx context.Context, s *stage, o *output) (RowFile, error) {
	env, err := r.env(s)
	if err != nil {
		return nil, err
	}
	return o.rowFile(ctx, env)
}

func (o *output) rowFile(ctx context.Context, env Env) (RowFile, error) {
	env.Config = o.config
	inst, err := o.writer.Build(ctx, env, o.config)
	if err != nil {
		return nil, err
	}
	out, err := inst.Run(ctx, nil)
	if err != nil {
		return nil, err
	}
	f, ok := out.Service.(RowFile)
	if !ok {
		return nil, schemas.Errorf(schemas.WrongPort, "the writer %s gives %T, which writes no rows", o.writer.Name, out.Service)
	}
	return f, nil
}

func (r *runner) writeFile(ctx context.Context, s *stage, o *output, name string, rows Rows) (int64, FileDigest, error) {
	w, err := r.rowFile(ctx, s, o)
	if err != nil {
		return 0, FileDigest{}, err
	}
	final := filepath.Join(r.plan.Out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(final), 0o777); err != nil {
		return 0, FileDigest{}, FileError(err)
	}
	tmp := partial(final)
	n, err := w.Write(ctx, tmp, rows)
	if want := rows.Count(); err == nil && want >= 0 && n != want {
		err = schemas.Errorf(schemas.StageFailed, "%d rows were promised, %d came", want, n)
	}
	if err == nil {
		err = commit(tmp, final)
	}
	if err != nil {
		os.Remove(tmp)
		return 0, FileDigest{}, err
	}
	d, err := digestFile(ctx, final)
	return n, d, err
}

// commit syncs a finished file and gives it its name.
func commit(tmp, final string) error {
	f, err := os.OpenFile(tmp, os.O_RDWR, 0)
	if err != nil {
		return FileError(err)
	}
	return (&File{File: f, name: final}).Commit()
}

// openRows replaces computed rows by the file that holds them.
func (r *runner) openRows(ctx context.Context, s *stage, out *Outputs) error {
	o, name := s.keeper(r), s.copyName()
	readable, err := r.p.readable(ctx, s)
	if err != nil {
		return err
	}
	if readable {
		o, name = s.to, s.to.file
	}
	w, err := r.rowFile(ctx, s, o)
	if err != nil {
		return err
	}
	rows, err := w.Open(ctx, filepath.Join(r.plan.Out, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	all := map[string]Rows{}
	for split, v := range out.Rows {
		all[split] = v
	}
	all[""] = rows
	out.Rows = all
	return nil
}

package remote

import (
	"context"
	"encoding/json"
	"math"
	"sync"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/model"
)

type exactModel = model.Exact

// reportFacts is a report item whose data is already JSON, as the host keeps it.
type reportFacts struct {
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// offerOutputs sends what a stage gives.
func (p *peer) offerOutputs(out pipeline.Outputs) (*pluginpb.Outputs, error) {
	o := &pluginpb.Outputs{Files: out.Files}
	var err error
	if o.Rows, err = p.offerSplits(out.Rows); err != nil {
		return nil, err
	}
	if out.Service != nil {
		if o.Service, err = p.offerService(out.Service); err != nil {
			return nil, err
		}
	}
	if o.Flow, err = p.offerFlow(out.Flow); err != nil {
		return nil, err
	}
	late, err := offerLate(out)
	if err != nil {
		return nil, err
	}
	o.Summary, o.Report, o.Metrics = late.Summary, late.Report, late.Metrics
	return o, nil
}

// offerLate sends the part of the outputs that a stage may complete while its
// rows are read.
func offerLate(out pipeline.Outputs) (*pluginpb.Outputs, error) {
	o := &pluginpb.Outputs{Metrics: out.Metrics}
	var err error
	if out.Summary != nil {
		if o.Summary, err = json.Marshal(out.Summary); err != nil {
			return nil, schemas.Errorf(schemas.PluginProtocol, "a summary: %w", err)
		}
	}
	var items []reportFacts
	for _, i := range out.Report {
		raw, err := json.Marshal(i.Data)
		if err != nil {
			return nil, schemas.Errorf(schemas.PluginProtocol, "report item %s: %w", i.Kind, err)
		}
		items = append(items, reportFacts{i.Kind, raw})
	}
	if items != nil {
		if o.Report, err = json.Marshal(items); err != nil {
			return nil, schemas.Errorf(schemas.PluginProtocol, "a report: %w", err)
		}
	}
	return o, nil
}

// outputs makes stand-ins for what a stage on the other side gives. A stage may
// complete its summary, metrics and report while its rows are read; they are
// asked for again at the end of every reading.
func (p *peer) outputs(o *pluginpb.Outputs, as naming) (out pipeline.Outputs, err error) {
	late := &lateOutputs{peer: p}
	if err := late.fill(o); err != nil {
		return out, err
	}
	if out.Rows, err = p.splits(o.GetRows(), late.finish); err != nil {
		return out, err
	}
	if o.GetService() != nil {
		if out.Service, err = p.service(o.GetService(), as); err != nil {
			return out, err
		}
	}
	if out.Flow, err = p.flow(o.GetFlow(), as); err != nil {
		return out, err
	}
	for _, r := range late.report {
		out.Report = append(out.Report, pipeline.ReportItem{Kind: r.kind, Data: r})
	}
	out.Files, out.Summary, out.Metrics = o.GetFiles(), late.summary, late.metrics
	return out, nil
}

// lateOutputs are the parts of the outputs that may be completed later.
type lateOutputs struct {
	peer *peer

	mu      sync.Mutex
	summary map[string]any
	metrics map[string]float64
	report  []*lateReport
}

// lateReport is a report item's data: JSON, as the run keeps it.
type lateReport struct {
	kind string
	mu   sync.Mutex
	raw  json.RawMessage
}

// MarshalJSON implements json.Marshaler.
func (r *lateReport) MarshalJSON() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.raw, nil
}

// finish asks for what was completed.
func (l *lateOutputs) finish(ctx context.Context) error {
	m, err := l.peer.session.Call(ctx, "", "finish", wire.Message{})
	if err != nil {
		return err
	}
	return l.fill(m.Outputs)
}

// fill takes what is new. Keys that are there are left alone: the maps are the
// run's by now, and it may be reading them.
func (l *lateOutputs) fill(o *pluginpb.Outputs) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(o.GetSummary()) > 0 {
		var now map[string]any
		if err := factsInto(o.GetSummary(), &now); err != nil {
			return err
		}
		if l.summary == nil {
			l.summary = map[string]any{}
		}
		for k, v := range now {
			if _, ok := l.summary[k]; !ok {
				l.summary[k] = v
			}
		}
	}
	if l.metrics == nil {
		l.metrics = map[string]float64{}
	}
	for k, v := range o.GetMetrics() {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return schemas.Errorf(schemas.NonFinite, "metric %q is %v", k, v)
		}
		if _, ok := l.metrics[k]; !ok {
			l.metrics[k] = v
		}
	}
	var items []reportFacts
	if len(o.GetReport()) > 0 {
		if err := factsInto(o.GetReport(), &items); err != nil {
			return err
		}
	}
	for i, item := range items {
		if i == len(l.report) {
			l.report = append(l.report, &lateReport{kind: item.Kind})
		}
		r := l.report[i]
		r.mu.Lock()
		r.raw = item.Data
		r.mu.Unlock()
	}
	return nil
}

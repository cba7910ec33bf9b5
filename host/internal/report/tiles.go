package report

import "strings"

// tiles are the few figures that a reader looks for first: of each kind the
// first that the run has, of log-likelihoods of the same rows the best.
func tiles(r Report) (out []tile) {
	add := func(t tile, ok bool) {
		if ok {
			out = append(out, t)
		}
	}
	if len(r.Training) > 0 {
		t, ok := lossTile(r.Training[0])
		if len(r.Training) > 1 {
			t.Note += " of " + r.Training[0].Stage
		}
		add(t, ok)
	}
	if len(r.Likelihoods) > 0 {
		l := r.Likelihoods[0]
		if len(r.Rankings) > 0 {
			if best := r.Rankings[0].ranked(); len(best) > 1 {
				l = Histogram{Split: best[0].Stage + ", the best of " + count(int64(len(best))), Mean: best[0].Mean, SE: best[0].SE}
			}
		}
		add(likelihoodTile(l))
	}
	if len(r.Quality) > 0 {
		for _, m := range r.Quality[0].Metrics {
			t := tile{Value: figure(m.Value), Note: "fresh data: " + figure(m.Floor)}
			switch m.Name {
			case "sliced_wasserstein_2":
				t.Label = "Sliced Wasserstein"
			case "c2st_accuracy":
				t.Label = "Classifier test"
			}
			add(t, t.Label != "" && finite(m.Value))
		}
	}
	for _, s := range r.Stages {
		if s.Kind == "sampler" && s.Rows > 0 {
			add(tile{"Rows made", count(s.Rows), "by " + s.Name}, true)
			break
		}
	}
	add(tile{"Time", seconds(r.Duration.Seconds()), plural(len(r.Stages), "stage")}, r.Duration > 0)
	return out
}

// lossTile is the lowest validation loss, or the last of training.
func lossTile(c Curve) (tile, bool) {
	m := min(len(c.ValidStep), len(c.Valid))
	if k, at := lowest(c.ValidStep[:m], c.Valid[:m]); k >= 0 {
		return tile{"Validation loss", figure(c.Valid[k]), "lowest, at step " + count(int64(at))}, true
	}
	n := min(len(c.Step), len(c.Loss))
	s := smoothed(c.Step[:n], c.Loss[:n])
	if len(s.mid) == 0 {
		return tile{}, false
	}
	return tile{"Training loss", figure(s.mid[len(s.mid)-1]), "at the end"}, true
}

func likelihoodTile(l Histogram) (tile, bool) {
	of := l.Split
	if of == "" {
		of = l.Stage
	}
	t := tile{"Log-likelihood", withError(l.Mean, l.SE), "nats a row, " + of}
	if value, margin, ok := strings.Cut(t.Value, " \u00b1 "); ok && !strings.HasPrefix(value, "(") {
		t.Value, t.Note = value, "\u00b1 "+margin+" "+t.Note
	}
	return t, finite(l.Mean)
}

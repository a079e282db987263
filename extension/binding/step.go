package binding

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist"
)

// stepTag is on all samples of a step.
const stepTag = "step"

// step is the exact figures of one step of a growing load: k6 does not show a script its own
// metrics before the end. A nil step keeps nothing.
type step struct {
	mu    sync.Mutex
	name  string
	began time.Time
	took  time.Duration // 0 while it runs
	// failure is why it ended before it was meant to, empty where it did not.
	failure     string
	interrupted bool
	// totals are histograms while it runs, and then no more than what they hold:
	// a histogram takes a third of a megabyte.
	totals map[total]*hist.Histogram
	whole  map[total]*hist.Distribution
	counts map[total]int64
	rates  map[string]*[2]int64 // by metric: those that were true, and those that were not
}

// beginStep makes a step, in the place of a former one of that name; nil for no name.
func (p *process) beginStep(name string) *step {
	if name == "" {
		return nil
	}
	s := &step{
		name: name, began: time.Now(),
		totals: map[total]*hist.Histogram{}, counts: map[total]int64{}, rates: map[string]*[2]int64{},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(slices.DeleteFunc(p.steps, func(old *step) bool { return old.name == name }), s)
	return s
}

func (s *step) distribution(of total, d *hist.Distribution) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := total{metric: of.metric}
	for _, key := range []total{whole, of} {
		if s.totals[key] == nil {
			s.totals[key] = hist.New()
		}
		s.totals[key].Add(d)
		if of == whole {
			return
		}
	}
}

// count adds to a Counter, whole and by each of its tags.
func (s *step) count(metric *metrics.Metric, n int64, tags []string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[total{metric: metric.Name}] += n
	for ; len(tags) > 1; tags = tags[2:] {
		s.counts[total{metric.Name, tags[0], tags[1]}] += n
	}
}

func (s *step) outcomes(metric *metrics.Metric, yes, no int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rates[metric.Name] == nil {
		s.rates[metric.Name] = &[2]int64{}
	}
	s.rates[metric.Name][0] += yes
	s.rates[metric.Name][1] += no
}

func (s *step) ended(failure error, interrupted bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = max(time.Since(s.began), 1)
	s.interrupted = interrupted
	s.whole = make(map[total]*hist.Distribution, len(s.totals))
	for t, h := range s.totals {
		s.whole[t] = h.Distribution()
	}
	s.totals = nil
	if failure != nil {
		s.failure = failure.Error()
	}
}

// stepFigures is a step as scripts see it.
type stepFigures struct {
	Step          string        `js:"step"`
	DurationMs    float64       `js:"durationMs"`
	Failure       string        `js:"failure"`
	Interrupted   bool          `js:"interrupted"`
	Distributions []exact       `js:"distributions"`
	Counts        []stepCount   `js:"counts"`
	Rates         []stepOutcome `js:"rates"`
}

type stepCount struct {
	Metric string            `js:"metric"`
	Tags   map[string]string `js:"tags"`
	Count  int64             `js:"count"`
}

type stepOutcome struct {
	Metric string `js:"metric"`
	Passes int64  `js:"passes"`
	Fails  int64  `js:"fails"`
}

// stepsSoFar is every step of the process, in the order of time.
func (p *process) stepsSoFar(percentiles []float64) []stepFigures {
	p.mu.Lock()
	steps := slices.Clone(p.steps)
	p.mu.Unlock()
	all := make([]stepFigures, len(steps))
	for i, s := range steps {
		all[i] = s.figures(percentiles)
	}
	return all
}

func (s *step) figures(percentiles []float64) stepFigures {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := stepFigures{
		Step: s.name, DurationMs: milliseconds(s.took), Failure: s.failure, Interrupted: s.interrupted,
		Distributions: []exact{}, Counts: []stepCount{}, Rates: []stepOutcome{},
	}
	for t, h := range s.totals {
		f.Distributions = append(f.Distributions, describe(t, h, 1, percentiles))
	}
	scratch := hist.New()
	for t, d := range s.whole {
		scratch.Reset()
		scratch.Add(d)
		f.Distributions = append(f.Distributions, describe(t, scratch, 1, percentiles))
	}
	slices.SortFunc(f.Distributions, func(a, b exact) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(fmt.Sprint(a.Tags), fmt.Sprint(b.Tags)))
	})
	for t, n := range s.counts {
		f.Counts = append(f.Counts, stepCount{Metric: t.metric, Tags: t.tags(), Count: n})
	}
	for metric, n := range s.rates {
		f.Rates = append(f.Rates, stepOutcome{Metric: metric, Passes: n[0], Fails: n[1]})
	}
	return f
}

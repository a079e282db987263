package recording

import (
	"cmp"
	"math"
	"slices"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist"
	"xk6-realtime/samples"
)

// maxSeries bounds a recording whatever a script tags its metrics with. Beyond
// it tags are dropped: counts stay exact, their breakdown is lost.
const maxSeries = 5_000

// A series is a metric with its tags, as recorded.
type series struct {
	index  int
	metric *metrics.Metric
	tags   map[string]string
	// isWritten tells whether the file says already what index stands for.
	isWritten bool
}

// A cell is what one series came to in one second. Which fields count follows
// from the metric's type.
type cell struct {
	sum            float64 // Counter
	passes, total  int64   // Rate
	last, min, max float64 // Gauge
	// Trend: plain values, and whole distributions of the engine.
	values        []float64
	distributions []*hist.Distribution
}

// second is the cells of one second of the wall clock.
type second struct {
	unix  int64
	cells map[*series]*cell
}

// excluded counts what a recording does not tell as it was.
type excluded struct {
	// OutOfRange is how many values of Trends were below zero or beyond the
	// histogram's range and count as its bound. Those of the engine were bounded
	// before.
	OutOfRange int64 `json:"outOfRange"`
	// NotFinite is how many values were left out because they are no numbers.
	NotFinite int64 `json:"notFinite"`
	// WithoutTags is how many series of k6 count in one without tags, as there
	// were too many.
	WithoutTags int64 `json:"withoutTags"`
}

// fold adds samples up by second and series.
type fold struct {
	open       map[int64]map[*series]*cell
	known      map[metrics.TimeSeries]*series
	byIdentity map[string]*series
	excluded   excluded
}

func newFold() *fold {
	return &fold{
		open:       map[int64]map[*series]*cell{},
		known:      map[metrics.TimeSeries]*series{},
		byIdentity: map[string]*series{},
	}
}

func (f *fold) add(container metrics.SampleContainer) {
	if whole, ok := container.(*samples.Container); ok {
		cell := f.cell(whole.TimeSeries, whole.Time)
		cell.distributions = append(cell.distributions, whole.Distribution)
		return
	}
	for _, sample := range container.GetSamples() {
		f.addSample(sample)
	}
}

func (f *fold) addSample(sample metrics.Sample) {
	v := sample.Value
	if math.IsNaN(v) || math.IsInf(v, 0) {
		f.excluded.NotFinite++
		return
	}
	cell := f.cell(sample.TimeSeries, sample.Time)
	switch sample.Metric.Type {
	case metrics.Counter:
		cell.sum += v
	case metrics.Rate:
		cell.total++
		if v != 0 {
			cell.passes++
		}
	case metrics.Gauge:
		if cell.total == 0 {
			cell.min, cell.max = v, v
		}
		cell.total++
		cell.last, cell.min, cell.max = v, min(cell.min, v), max(cell.max, v)
	case metrics.Trend:
		if v < 0 || v > highest {
			f.excluded.OutOfRange++
		}
		cell.values = append(cell.values, v)
	}
}

func (f *fold) cell(of metrics.TimeSeries, at time.Time) *cell {
	s := f.series(of)
	unix := at.Unix()
	cells := f.open[unix]
	if cells == nil {
		cells = map[*series]*cell{}
		f.open[unix] = cells
	}
	c := cells[s]
	if c == nil {
		c = &cell{}
		cells[s] = c
	}
	return c
}

// series finds the series that k6's belongs to. Several of k6's are one when
// their tags differ only in what is not recorded.
func (f *fold) series(of metrics.TimeSeries) *series {
	if s := f.known[of]; s != nil {
		return s
	}
	tags := map[string]string{}
	if len(f.byIdentity) < maxSeries {
		tags = recordedTags(of.Tags.Map())
	} else {
		f.excluded.WithoutTags++
	}
	identity := identityOf(of.Metric.Name, tags)
	s := f.byIdentity[identity]
	if s == nil {
		s = &series{index: len(f.byIdentity), metric: of.Metric, tags: tags}
		f.byIdentity[identity] = s
	}
	f.known[of] = s
	return s
}

// take removes the seconds before end, all of them when end is zero, and
// returns them in the order of time.
func (f *fold) take(end time.Time) (seconds []second) {
	for unix, cells := range f.open {
		if end.IsZero() || unix < end.Unix() {
			seconds = append(seconds, second{unix, cells})
			delete(f.open, unix)
		}
	}
	slices.SortFunc(seconds, func(a, b second) int { return cmp.Compare(a.unix, b.unix) })
	return seconds
}

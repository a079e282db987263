package seconds

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist"
	"xk6-realtime/samples"
)

// MaxSeries bounds what is kept of a run whatever a script tags its metrics with. Beyond
// it tags are dropped: counts stay exact, their breakdown is lost.
const MaxSeries = 5_000

// mostKnown bounds what is kept to find a series by k6's own: a script may tag
// each request with another token.
const mostKnown = 10 * MaxSeries

// Series is a metric with its tags, free of secrets.
type Series struct {
	// Index counts the series of a run from 0, in the order in which they came up.
	Index  int
	Metric *metrics.Metric
	Tags   map[string]string
}

// Unit is that of the series' values: "ms", "bytes", or "1" for anything else.
func (s *Series) Unit() string {
	switch s.Metric.Contains {
	case metrics.Time:
		return "ms"
	case metrics.Data:
		return "bytes"
	default:
		return "1"
	}
}

// Cell is what one series came to in one second. Which fields count follows
// from the metric's type.
type Cell struct {
	Sum            float64 // Counter
	Passes, Total  int64   // Rate
	Last, Min, Max float64 // Gauge
	// Trend: plain values, and whole distributions of the engine.
	Values        []float64
	Distributions []*hist.Distribution
}

// Second is the cells of one second of the wall clock.
type Second struct {
	// Unix is when it began, in seconds since 1970.
	Unix  int64
	Cells map[*Series]*Cell
}

// InOrder is the series of the second, by their index.
func (s Second) InOrder() []*Series {
	return slices.SortedFunc(maps.Keys(s.Cells), func(a, b *Series) int { return cmp.Compare(a.Index, b.Index) })
}

// Excluded counts what the cells do not tell as it was.
type Excluded struct {
	// OutOfRange is how many values of Trends were below zero or beyond the
	// histogram's range and count as its bound. Those of the engine were bounded
	// before.
	OutOfRange int64 `json:"outOfRange"`
	// NotFinite is how many values were left out because they are not finite numbers.
	NotFinite int64 `json:"notFinite"`
	// WithoutTags is at least how many series of k6 count in one without tags, because there were
	// too many.
	WithoutTags int64 `json:"withoutTags"`
}

// fold adds samples up by second and series.
type fold struct {
	open       map[int64]map[*Series]*Cell
	known      map[metrics.TimeSeries]*Series
	byIdentity map[string]*Series
	forgot     bool // some of known
	excluded   Excluded
}

func newFold() *fold {
	return &fold{
		open:       map[int64]map[*Series]*Cell{},
		known:      map[metrics.TimeSeries]*Series{},
		byIdentity: map[string]*Series{},
	}
}

func (f *fold) add(container metrics.SampleContainer) {
	if whole, ok := container.(*samples.Container); ok {
		cell := f.cell(whole.TimeSeries, whole.Time)
		cell.Distributions = append(cell.Distributions, whole.Distribution)
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
		cell.Sum += v
	case metrics.Rate:
		cell.Total++
		if v != 0 {
			cell.Passes++
		}
	case metrics.Gauge:
		if cell.Total == 0 {
			cell.Min, cell.Max = v, v
		}
		cell.Total++
		cell.Last, cell.Min, cell.Max = v, min(cell.Min, v), max(cell.Max, v)
	case metrics.Trend:
		if v < 0 || v > Highest {
			f.excluded.OutOfRange++
		}
		cell.Values = append(cell.Values, v)
	}
}

func (f *fold) cell(of metrics.TimeSeries, at time.Time) *Cell {
	s := f.series(of)
	unix := at.Unix()
	cells := f.open[unix]
	if cells == nil {
		cells = map[*Series]*Cell{}
		f.open[unix] = cells
	}
	c := cells[s]
	if c == nil {
		c = &Cell{}
		cells[s] = c
	}
	return c
}

// series finds the series that k6's belongs to. Several of k6's are one when
// their tags differ only in what is not recorded.
func (f *fold) series(of metrics.TimeSeries) *Series {
	if s := f.known[of]; s != nil {
		return s
	}
	tags := recordedTags(of.Tags.Map())
	identity := identityOf(of.Metric.Name, tags)
	s := f.byIdentity[identity]
	if s == nil && len(f.byIdentity) >= MaxSeries {
		if !f.forgot { // it may have been counted
			f.excluded.WithoutTags++
		}
		tags = map[string]string{}
		identity = identityOf(of.Metric.Name, tags)
		s = f.byIdentity[identity]
	}
	if s == nil {
		s = &Series{Index: len(f.byIdentity), Metric: of.Metric, Tags: tags}
		f.byIdentity[identity] = s
	}
	if len(f.known) >= mostKnown {
		clear(f.known)
		f.forgot = true
	}
	f.known[of] = s
	return s
}

// take removes the seconds before end, all of them when end is zero, and
// returns them in the order of time.
func (f *fold) take(end time.Time) (seconds []Second) {
	for unix, cells := range f.open {
		if end.IsZero() || unix < end.Unix() {
			seconds = append(seconds, Second{unix, cells})
			delete(f.open, unix)
		}
	}
	slices.SortFunc(seconds, func(a, b Second) int { return cmp.Compare(a.Unix, b.Unix) })
	return seconds
}

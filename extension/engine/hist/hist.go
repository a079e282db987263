// Package hist keeps distributions of times exactly enough for any percentile:
// HdrHistograms of nanoseconds with three significant digits, and exact count,
// sum, least and greatest beside them.
package hist

import (
	"math"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"xk6-realtime/engine/hist/bucket"
)

const (
	// Highest is the longest time that is kept, about 78 hours; longer ones
	// count as it.
	Highest time.Duration = bucket.Highest
)

// Histogram is one distribution. It is not safe for concurrent use.
type Histogram struct {
	counts   *hdr.Histogram
	sumNs    float64 // a time.Duration ends at 292 years, which a million sessions of three hours take
	min, max time.Duration
	beyond   int64
	idle     uint8 // how often in a row it had nothing to move; see Set
}

// New makes an empty Histogram.
func New() *Histogram {
	return &Histogram{
		counts: bucket.New(),
		min:    math.MaxInt64,
	}
}

// Record adds one value. A negative one, which only clocks that disagree can give, counts as 0
// and as beyond the range. One above Highest counts as Highest and as beyond the range.
func (h *Histogram) Record(d time.Duration) {
	if d < 0 || d > Highest {
		h.beyond++
		d = min(max(d, 0), Highest)
	}
	// The only error is a value out of range.
	_ = h.counts.RecordValue(int64(d))
	h.sumNs += float64(d)
	h.min = min(h.min, d)
	h.max = max(h.max, d)
}

// Merge adds all of from.
func (h *Histogram) Merge(from *Histogram) {
	if from.Count() == 0 {
		return
	}
	h.counts.Merge(from.counts)
	h.sumNs += from.sumNs
	h.min = min(h.min, from.min)
	h.max = max(h.max, from.max)
	h.beyond += from.beyond
}

// Add adds all that a Distribution holds. Nothing is lost that Merge would keep.
func (h *Histogram) Add(d *Distribution) {
	if d.Count == 0 {
		return
	}
	for _, bar := range d.Bars {
		_ = h.counts.RecordValues(int64(bar.Value), bar.Count) // in range: it was recorded before
	}
	h.sumNs += d.SumNs
	h.min = min(h.min, d.Min)
	h.max = max(h.max, d.Max)
	h.beyond += d.Beyond
}

// Reset empties the Histogram.
func (h *Histogram) Reset() {
	if h.Count() > 0 {
		h.counts.Reset()
	}
	h.sumNs, h.min, h.max, h.beyond = 0, math.MaxInt64, 0, 0
}

// Count is how many values there are.
func (h *Histogram) Count() int64 { return h.counts.TotalCount() }

// SumNs is the sum of all values, in nanoseconds: exact up to 104 days in all,
// and then to 16 digits.
func (h *Histogram) SumNs() float64 { return h.sumNs }

// Min is the least value, 0 without any.
func (h *Histogram) Min() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return h.min
}

// Max is the greatest value.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is the mean, 0 without values.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.sumNs / float64(h.Count()))
}

// Quantile is the value that a share q, from 0 to 1, of all values does not exceed, to within the
// digits kept. It is interpolated between neighbouring ranks, as k6 does for its thresholds. So
// even a few values have one median.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	rank := min(max(q, 0), 1) * float64(h.Count()-1)
	below, above := h.at(math.Floor(rank)), h.at(math.Ceil(rank))
	return below + time.Duration(float64(above-below)*(rank-math.Floor(rank)))
}

// at is the value with so many before it in ascending order.
func (h *Histogram) at(rank float64) time.Duration {
	switch rank {
	case 0:
		return h.min
	case float64(h.Count() - 1):
		return h.max
	}
	return h.clamp(h.counts.ValueAtQuantile((rank + 1) / float64(h.Count()) * 100))
}

// clamp keeps the rounding of a bucket within the recorded values.
func (h *Histogram) clamp(value int64) time.Duration {
	return min(max(time.Duration(value), h.min), h.max)
}

// Distribution is the Histogram as it is now, in a form of its own.
func (h *Histogram) Distribution() *Distribution {
	d := &Distribution{Count: h.Count(), SumNs: h.sumNs, Min: h.Min(), Max: h.max, Beyond: h.beyond}
	counts := h.counts.Export().Counts
	used := 0
	for _, n := range counts {
		if n > 0 {
			used++
		}
	}
	d.Bars = make([]Bar, 0, used)
	for i, n := range counts {
		if n > 0 {
			d.Bars = append(d.Bars, Bar{h.clamp(bucket.Middle(i)), n})
		}
	}
	return d
}

// Distribution is the values recorded over some time. It does not change.
type Distribution struct {
	Count    int64
	SumNs    float64 // as [Histogram.SumNs]
	Min, Max time.Duration
	Beyond   int64 // values outside the range
	Bars     []Bar // in ascending order
}

// Bar is a value, to within the digits kept, and how often it occurred.
type Bar struct {
	Value time.Duration
	Count int64
}

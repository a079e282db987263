// Package samples hands the engine's distributions to k6.
//
// k6 keeps every value of a Trend in memory for the whole run. So it gets, each
// second and for each series, one [Container] with a whole distribution. An
// output of this project takes that; everything else in k6, its
// thresholds first, sees a fixed fraction of the values as representatives.
// Counts are not to be taken from them: they are Counters of their own.
package samples

import (
	"cmp"
	"math"
	"slices"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/hist/bucket"
)

// MaxRepresentatives is about how many values k6 keeps of a run whose volume
// was foreseen: 2 MB. It leaves each of a dozen series the 20,000 with which
// k6's percentiles stay within 1 %. k6 keeps a value again for each submetric
// that matches: name such a series to [Ratios] as often.
const MaxRepresentatives = 250_000

// Ratios is the k of 1:k for each series of a process, from the number of values that each is
// expected to have in the whole run. The representatives of all series together stay below
// [MaxRepresentatives]. Series divide that equally, and a series that needs less leaves the rest
// to the others. If k is 1, k6 sees every value.
func Ratios(expected []int64) []int64 {
	ascending := make([]int, len(expected))
	for i := range ascending {
		ascending[i] = i
	}
	slices.SortFunc(ascending, func(a, b int) int { return cmp.Compare(expected[a], expected[b]) })
	ratios := make([]int64, len(expected))
	left := int64(MaxRepresentatives)
	for rank, i := range ascending {
		share := max(1, left/int64(len(expected)-rank))
		ratios[i] = max(1, (expected[i]+share-1)/share)
		left -= expected[i] / ratios[i]
	}
	return ratios
}

// A Series makes the containers of one metric and tag set, in the order of
// time. It is not safe for concurrent use.
type Series struct {
	series  metrics.TimeSeries
	sampler *sampler
	// of all values so far: no representative lies beyond them, though the
	// middle of its bucket may.
	min, max time.Duration
}

// NewSeries makes a series of a Trend. ratio is the k of 1:k; less than 1 means 1.
func NewSeries(series metrics.TimeSeries, ratio int64) *Series {
	return &Series{series: series, sampler: newSampler(max(1, ratio)), min: math.MaxInt64}
}

// Container wraps the values of one second, a moment of which is at. It may have
// no representatives, and is to be pushed all the same: it still carries the
// distribution.
func (s *Series) Container(d *hist.Distribution, at time.Time) *Container {
	if d.Count > 0 {
		s.min, s.max = min(s.min, d.Min), max(s.max, d.Max)
	}
	buckets := s.sampler.pick(d.Bars)
	representatives := make([]metrics.Sample, len(buckets))
	for i, bucket := range buckets {
		// Of points that share series and nanosecond k6's output for InfluxDB leaves one.
		apart := at.Add(time.Duration(i))
		representatives[i] = metrics.Sample{TimeSeries: s.series, Time: apart, Value: s.milliseconds(bucket)}
	}
	return &Container{
		TimeSeries: s.series, Time: at, Distribution: d, representatives: representatives,
	}
}

// milliseconds is the middle of a bucket, but within what there was.
func (s *Series) milliseconds(b int) float64 {
	middle := time.Duration(bucket.Middle(b))
	return float64(min(max(middle, s.min), s.max)) / float64(time.Millisecond)
}

// A Container is one second of one series: all values for outputs that know it,
// representatives for the rest of k6. It is immutable.
type Container struct {
	metrics.TimeSeries
	Time         time.Time
	Distribution *hist.Distribution

	representatives []metrics.Sample
}

var _ metrics.ConnectedSampleContainer = (*Container)(nil)

// GetSamples returns the representatives, in ascending order.
func (c *Container) GetSamples() []metrics.Sample { return c.representatives }

// GetTags returns the tags of every sample.
func (c *Container) GetTags() *metrics.TagSet { return c.Tags }

// GetTime returns the time of the first sample; each is a nanosecond after the one before.
func (c *Container) GetTime() time.Time { return c.Time }

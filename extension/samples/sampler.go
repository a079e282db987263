package samples

import (
	"math"
	"sync"

	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/hist/bucket"
)

// A sampler picks one value of each `ratio` as a representative. Over all distributions that it
// was given so far, the distribution of the representatives follows the exact one. At no value do
// the two cumulative counts differ by more than a few representatives, whatever the order in
// which the values came. A remainder is carried to the next distribution, so a tail too thin to
// be picked in any one second is still picked in its turn.
type sampler struct {
	ratio int64
	// residual is, for each bucket, the values seen minus ratio times the
	// representatives given.
	residual []int64
	// lowest and highest bucket seen; none yet where lowest > highest.
	lowest, highest int
}

// scratch is space of place, as []step: up to 1 MB, which a series needs once a
// second.
var scratch = sync.Pool{New: func() any { return new([]step) }}

func newSampler(ratio int64) *sampler {
	return &sampler{
		ratio: ratio, residual: make([]int64, bucket.Number), lowest: math.MaxInt, highest: -1,
	}
}

// pick adds a distribution and returns the buckets of the new representatives,
// in ascending order. A new smallest and a new largest value are always among
// them, each in the place of one that would have been picked there later.
func (s *sampler) pick(bars []hist.Bar) []int {
	if len(bars) == 0 {
		return nil
	}
	for _, bar := range bars {
		s.residual[bucketOf(bar)] += bar.Count
	}
	first, last := bucketOf(bars[0]), bucketOf(bars[len(bars)-1])
	isSmallest, isLargest := first < s.lowest, last > s.highest
	s.lowest, s.highest = min(s.lowest, first), max(s.highest, last)

	var buckets []int
	if isSmallest {
		buckets = s.give(buckets, first)
	}
	isLargest = isLargest && !(isSmallest && first == last) // given just now
	if isLargest {
		s.residual[last] -= s.ratio // appended below, in its order
	}
	buckets = s.place(buckets)
	if isLargest {
		buckets = append(buckets, last)
	}
	return buckets
}

// place gives as many representatives as are due in all, at the values that bring the cumulative
// counts closest together.
//
// `due` is how many values up to a bucket have no representative yet. It may fall from one bucket
// to the next, for representatives cannot be taken back, but the number given up to a bucket can
// only rise. So the target is a non-decreasing function, in whole representatives. It has the
// least squared distance to `due` (isotonic regression, by pooling adjacent violators).
func (s *sampler) place(buckets []int) []int {
	space := scratch.Get().(*[]step)
	defer scratch.Put(space)
	steps := (*space)[:0]
	due := int64(0)
	for bucket := s.lowest; bucket <= s.highest; bucket++ {
		due += s.residual[bucket]
		steps = append(steps, step{start: bucket, end: bucket + 1, sum: float64(due)})
		for n := len(steps); n > 1 && steps[n-2].level() > steps[n-1].level(); n-- {
			steps[n-2].sum += steps[n-1].sum
			steps[n-2].end = steps[n-1].end
			steps = steps[:n-1]
		}
	}
	*space = steps

	all := s.whole(float64(due))
	given := int64(0)
	for i, step := range steps {
		want := min(all, s.whole(step.level()))
		if i == len(steps)-1 {
			want = all
		}
		for ; given < want; given++ {
			buckets = s.give(buckets, step.start)
		}
	}
	return buckets
}

// step is a range of buckets on which the target is level.
type step struct {
	start, end int
	sum        float64
}

func (s step) level() float64 { return s.sum / float64(s.end-s.start) }

// whole is how many representatives stand for so many values, to the nearest.
func (s *sampler) whole(values float64) int64 {
	return max(0, int64(math.Round(values/float64(s.ratio))))
}

func (s *sampler) give(buckets []int, bucket int) []int {
	s.residual[bucket] -= s.ratio
	return append(buckets, bucket)
}

func bucketOf(bar hist.Bar) int {
	return bucket.Of(bucket.Clamp(int64(bar.Value)))
}

package hist

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// interpolated is k6's percentile of ascending values (metrics.TrendSink.P).
func interpolated(values []time.Duration, q float64) time.Duration {
	rank := q * float64(len(values)-1)
	below, above := values[int(math.Floor(rank))], values[int(math.Ceil(rank))]
	return below + time.Duration(float64(above-below)*(rank-math.Floor(rank)))
}

func TestQuantilesOfFewValuesLieBetweenThem(t *testing.T) {
	values := []time.Duration{1 * time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, 100 * time.Millisecond}
	for n := 1; n <= len(values); n++ {
		h := New()
		for _, d := range values[:n] {
			h.Record(d)
		}
		for _, q := range []float64{0, 0.25, 0.5, 0.9, 0.99, 1} {
			want := interpolated(values[:n], q)
			if got := h.Quantile(q); math.Abs(float64(got-want)) > float64(want)/1000 {
				t.Errorf("quantile %v of %d values: %v, want %v to three digits", q, n, got, want)
			}
		}
	}
}

func TestQuantilesAreThoseOfTheValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	h, parts := New(), []*Histogram{New(), New(), New()}
	var values []time.Duration
	var sum time.Duration
	for i := range 100_000 {
		// From microseconds to seconds, as latencies spread.
		d := time.Duration(math.Exp(random.Float64()*13) * float64(time.Microsecond))
		values = append(values, d)
		sum += d
		parts[i%3].Record(d)
	}
	for _, part := range parts {
		h.Merge(part)
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
		want := interpolated(values, q)
		if got := h.Quantile(q); math.Abs(float64(got-want)) > float64(want)/1000 {
			t.Errorf("quantile %v: %v, want %v to three digits", q, got, want)
		}
	}
	if h.Count() != 100_000 || h.SumNs() != float64(sum) || h.Min() != values[0] || h.Max() != values[len(values)-1] {
		t.Errorf("count %d, sum %v, min %v, max %v", h.Count(), h.SumNs(), h.Min(), h.Max())
	}
}

func TestBarsAreTheValues(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		value := time.Duration(random.Int64N(1 << random.IntN(49)))
		h := New()
		h.counts.RecordValue(int64(value))
		h.min, h.max = 0, Highest
		bars := h.Distribution().Bars
		if len(bars) != 1 || bars[0].Count != 1 || math.Abs(float64(bars[0].Value-value)) > float64(value)/2000 {
			t.Fatalf("%d ns came back as %v", value, bars)
		}
	}
}

func TestTheMeanOfASoaksSessions(t *testing.T) {
	const sessions, lasted = 100_000, 27 * time.Hour // 308 years in all, which a time.Duration does not hold
	all, total := New(), New()
	for range sessions {
		all.Record(lasted)
	}
	total.Merge(all)
	total.Add(all.Distribution())
	for _, h := range []*Histogram{all, total} {
		if math.Abs(float64(h.Mean()-lasted)) > float64(time.Microsecond) {
			t.Errorf("the mean of %d sessions is %v, want %v", h.Count(), h.Mean(), lasted)
		}
	}
}

func TestValuesBeyondTheRange(t *testing.T) {
	h := New()
	h.Record(-time.Millisecond)
	h.Record(2 * Highest)
	h.Record(time.Millisecond)
	if d := h.Distribution(); d.Beyond != 2 || d.Count != 3 || d.Min != 0 || d.Max != Highest {
		t.Errorf("beyond %d, count %d, min %v, max %v", d.Beyond, d.Count, d.Min, d.Max)
	}
	h.Reset()
	if h.Count() != 0 || h.Quantile(0.5) != 0 || h.Min() != 0 || h.Max() != 0 || h.Mean() != 0 || h.Distribution().Beyond != 0 {
		t.Error("not empty after Reset")
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	h := New()
	if allocs := testing.AllocsPerRun(100, func() { h.Record(time.Millisecond) }); allocs != 0 {
		t.Errorf("%v allocations for a value, want 0", allocs)
	}
}

func BenchmarkRecord(b *testing.B) {
	h := New()
	for i := range b.N {
		h.Record(time.Duration(i&0xFFFFFF) * time.Nanosecond)
	}
}

func BenchmarkMergeAndReset(b *testing.B) {
	h, total := New(), New()
	for b.Loop() {
		h.Record(time.Millisecond)
		total.Merge(h)
		h.Reset()
	}
}

func TestAddLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	merged, added := New(), New()
	for range 20 {
		part := New()
		for range 1000 {
			part.Record(time.Duration(random.Int64N(1 << random.IntN(49))))
		}
		merged.Merge(part)
		added.Add(part.Distribution())
	}
	added.Add(New().Distribution())
	if got, want := added.Distribution(), merged.Distribution(); !reflect.DeepEqual(got, want) {
		t.Errorf("count %d, sum %v, %d bars; want %d, %v, %d", got.Count, got.SumNs, len(got.Bars), want.Count, want.SumNs, len(want.Bars))
	}
}

package samples

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist"
)

// Latencies in milliseconds, by the share of the run that is over.
var distributions = []struct {
	name string
	draw func(rng *rand.Rand, progress float64) float64
}{
	{"uniform", func(rng *rand.Rand, _ float64) float64 { return 1 + 99*rng.Float64() }},
	{"exponential", func(rng *rand.Rand, _ float64) float64 { return 10 * rng.ExpFloat64() }},
	{"log-normal, with a long tail", func(rng *rand.Rand, _ float64) float64 {
		return 20 * math.Exp(rng.NormFloat64())
	}},
	{"a loopback of 20 µs", func(rng *rand.Rand, _ float64) float64 {
		return 0.02 * math.Exp(0.2*rng.NormFloat64())
	}},
	{"slower and slower", func(rng *rand.Rand, progress float64) float64 {
		return (5 + 500*progress) * math.Exp(0.3*rng.NormFloat64())
	}},
	{"faster and faster", func(rng *rand.Rand, progress float64) float64 {
		return (505 - 500*progress) * math.Exp(0.3*rng.NormFloat64())
	}},
	{"a freeze in the middle", func(rng *rand.Rand, progress float64) float64 {
		if progress > 0.5 && progress < 0.53 {
			return 1 + 5000*rng.Float64()
		}
		return 5 * math.Exp(0.3*rng.NormFloat64())
	}},
	{"one in fifty takes a slow path", func(rng *rand.Rand, _ float64) float64 {
		if rng.IntN(50) == 0 {
			return 200 + 800*rng.Float64()
		}
		return 2 + rng.Float64()
	}},
}

// Runs of 20,000 representatives. A ratio above 1 is chosen for ten times as
// many at least (see Ratios), so this is the harder case.
func TestK6ThresholdsAgreeWithTheExactValues(t *testing.T) {
	const seconds = 60
	for _, ratio := range []int64{1, 2, 7, 100, 1000} {
		for _, distribution := range distributions {
			t.Run(fmt.Sprintf("%s, 1 in %d", distribution.name, ratio), func(t *testing.T) {
				t.Parallel()
				run := play(t, ratio, seconds, int(ratio)*20_000/seconds, distribution.draw)
				for _, p := range []float64{0.5, 0.9, 0.95, 0.99} {
					exact, seen := percentile(run.values, p), run.sink.P(p)
					if math.Abs(seen-exact) > 0.01*exact {
						t.Errorf("p%g: k6 sees %g ms, exact is %g ms", 100*p, seen, exact)
					}
				}
				checkMeanAndExtremes(t, run)
				checkRanks(t, run)
			})
		}
	}
}

func checkMeanAndExtremes(t *testing.T, run run) {
	t.Helper()
	var sum float64
	for _, v := range run.values {
		sum += v
	}
	for name, figures := range map[string][2]float64{
		"min": {run.values[0], run.sink.Min()},
		"max": {run.values[len(run.values)-1], run.sink.Max()},
		"avg": {sum / float64(len(run.values)), run.sink.Avg()},
	} {
		// New extremes are always seen, which so early in a run weighs in the mean.
		allowed := map[bool]float64{true: 0.02, false: 0.001}[name == "avg"]
		const resolution = 1e-4 // of the engine's histograms, in milliseconds
		if off := math.Abs(figures[1] - figures[0]); off > allowed*figures[0]+resolution {
			t.Errorf("%s: k6 sees %g ms, exact is %g ms", name, figures[1], figures[0])
		}
	}
}

// checkRanks compares the cumulative counts at each representative: the
// guarantee that holds for any distribution, gaps included.
func checkRanks(t *testing.T, run run) {
	t.Helper()
	const allowed = 8 // representatives
	slices.Sort(run.representatives)
	ratio := float64(len(run.values)) / float64(len(run.representatives))
	for i, v := range run.representatives {
		below, _ := slices.BinarySearch(run.values, v*(1-1./1000))
		upTo, _ := slices.BinarySearch(run.values, v*(1+1./1000))
		low, high := float64(below)/ratio-allowed, float64(upTo)/ratio+allowed
		if rank := float64(i) + 0.5; rank < low || rank > high {
			t.Fatalf("%g ms is representative %d, exact ranks are %d to %d of 1:%g", v, i, below, upTo, ratio)
		}
	}
}

func TestRepresentativesAreAFixedFraction(t *testing.T) {
	for _, test := range []struct {
		name      string
		ratio     int64
		perSecond int
	}{
		{"as many as the ratio each second", 100, 100},
		{"far fewer than the ratio each second", 1000, 7},
		{"no common divisor", 100, 37},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := play(t, test.ratio, 1000, test.perSecond, distributions[2].draw)
			want := float64(run.total) / float64(test.ratio)
			if got := float64(len(run.representatives)); math.Abs(got-want) > 12 {
				t.Errorf("%g representatives of %d values, want %g and at most a few extremes more",
					got, run.total, want)
			}
			exact, seen := percentile(run.values, 0.5), run.sink.P(0.5)
			if len(run.representatives) > 300 && math.Abs(seen-exact) > 0.05*exact {
				t.Errorf("median: k6 sees %g ms, exact is %g ms", seen, exact)
			}
		})
	}
}

func TestEveryNewExtremeIsSeen(t *testing.T) {
	series := NewSeries(trend(t), 1000)
	for second, ms := range []float64{50, 60, 60, 40, 70} {
		h := hist.New()
		h.Record(time.Duration(ms * 1e6))
		got := len(series.Container(h.Distribution(), time.Unix(int64(second), 0)).GetSamples())
		if want := map[bool]int{true: 0, false: 1}[second == 2]; got != want {
			t.Errorf("value %d, %g ms: %d representatives, want %d", second, ms, got, want)
		}
	}
}

func TestContainerCarriesTheWholeDistribution(t *testing.T) {
	of := trend(t)
	series := NewSeries(of, 10)
	at := time.Unix(1_700_000_000, 0)
	h := hist.New()
	for ms := range 1000 {
		h.Record(time.Duration(ms+1) * time.Millisecond)
	}
	all := h.Distribution()
	c := series.Container(all, at)
	if c.Distribution != all {
		t.Error("the container carries another distribution")
	}
	samples := c.GetSamples()
	if !slices.IsSortedFunc(samples, func(a, b metrics.Sample) int { return int(a.Value - b.Value) }) {
		t.Error("the representatives are not in order")
	}
	for i, s := range samples {
		if want := at.Add(time.Duration(i)); s.TimeSeries != of || !s.Time.Equal(want) {
			t.Fatalf("sample %+v: want series %+v at %s", s, of, want)
		}
	}
	if &samples[0] != &c.GetSamples()[0] {
		t.Error("a second call gives other samples: several outputs would disagree")
	}
	if got := series.Container(hist.New().Distribution(), at).GetSamples(); len(got) != 0 {
		t.Errorf("an empty second has %d representatives", len(got))
	}
}

// A bucket's middle may lie beyond all values, such as the time-outs of lost
// replies: a percentile above the maximum would be one that nobody measured.
func TestNoRepresentativeIsBeyondTheValues(t *testing.T) {
	series := NewSeries(trend(t), 1)
	for second := range 3 {
		h := hist.New()
		for range 10 {
			h.Record(5 * time.Second)
			h.Record(5*time.Second - time.Duration(second)*time.Nanosecond)
		}
		for _, sample := range series.Container(h.Distribution(), time.Now()).GetSamples() {
			if sample.Value > 5000 || sample.Value < 4999.999 {
				t.Errorf("%v ms, want at most the largest value and at least the smallest", sample.Value)
			}
		}
	}
}

func TestRatios(t *testing.T) {
	for _, test := range []struct {
		name           string
		expected, want []int64
	}{
		{"nothing foreseen", []int64{0}, []int64{1}},
		{"as many as k6 may keep", []int64{MaxRepresentatives}, []int64{1}},
		{"one more", []int64{MaxRepresentatives + 1}, []int64{2}},
		{"100,000 a second for an hour", []int64{360_000_000}, []int64{1440}},
		{"a small series beside a large one keeps every value",
			[]int64{360_000_000, 100_000}, []int64{2400, 1}},
		{"large ones share what the small one leaves",
			[]int64{800_000, 50_000, 4_000_000}, []int64{8, 1, 40}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Ratios(test.expected)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %d, want %d", got, test.want)
			}
			var kept int64
			for i, expected := range test.expected {
				kept += expected / got[i]
			}
			if kept > MaxRepresentatives {
				t.Errorf("k6 would keep %d values, want at most %d", kept, MaxRepresentatives)
			}
		})
	}
}

// run is what k6 saw of a run, and what there was to see.
type run struct {
	// values are in ascending order, each once where the run had each equally often.
	values          []float64
	total           int
	representatives []float64
	sink            *metrics.TrendSink
}

func play(t *testing.T, ratio int64, seconds, perSecond int, draw func(*rand.Rand, float64) float64) run {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(ratio), uint64(perSecond)))
	series := NewSeries(trend(t), ratio)
	played := run{sink: metrics.NewTrendSink()}
	times := max(1, ratio/10) // of each value: drawing is what takes the time
	h := hist.New()
	for second := range seconds {
		h.Reset()
		for i := range perSecond / int(times) {
			progress := (float64(second) + float64(i)*float64(times)/float64(perSecond)) / float64(seconds)
			v := draw(rng, progress)
			for range times {
				h.Record(time.Duration(v * 1e6))
			}
			played.values = append(played.values, v)
			played.total += int(times)
		}
		for _, sample := range series.Container(h.Distribution(), time.Unix(int64(second), 0)).GetSamples() {
			played.sink.Add(sample)
			played.representatives = append(played.representatives, sample.Value)
		}
	}
	slices.Sort(played.values)
	return played
}

// percentile is k6's: linear between the two nearest ranks.
func percentile(sorted []float64, p float64) float64 {
	sink := metrics.NewTrendSink()
	for _, v := range sorted {
		sink.Add(metrics.Sample{Value: v})
	}
	return sink.P(p)
}

func trend(t *testing.T) metrics.TimeSeries {
	t.Helper()
	registry := metrics.NewRegistry()
	metric, err := registry.NewMetric("ws_msg_rtt_ms", metrics.Trend, metrics.Time)
	if err != nil {
		t.Fatal(err)
	}
	return metrics.TimeSeries{Metric: metric, Tags: registry.RootTagSet().With("side", "send")}
}

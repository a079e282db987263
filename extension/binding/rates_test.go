package binding

import (
	"math"
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// A second's outcomes reach k6 in small portions, each as a sample of a time of its own, and none
// is lost or told twice.
func TestOutcomesGoOutInPortions(t *testing.T) {
	const yes, no = 16_000, 4_007
	out := make(chan metrics.SampleContainer, 1000)
	registry := metrics.NewRegistry()
	rate := registry.MustNewMetric("ws_reply_success_rate", metrics.Rate)
	r := &recorder{out: out, tags: registry.RootTagSet()}

	r.outcomes(rate, 0, 0)
	if r.whileUntold(make(chan time.Time)) != nil {
		t.Error("no outcomes: expected nothing to wait for")
	}
	r.outcomes(rate, yes-1, no)
	r.outcomes(rate, 1, 0) // as of the next second, with all of this one's left
	if len(out) != 0 {
		t.Fatalf("expected outcomes to wait for their portion, got %d at once", len(out))
	}
	took := 0
	for ; r.whileUntold(make(chan time.Time)) != nil; took++ {
		r.tellPortion()
	}
	if took > portions {
		t.Errorf("expected at most %d portions, got %d", portions, took)
	}

	sink := metrics.NewSink(metrics.Rate).(*metrics.RateSink)
	times := make(map[time.Time]bool)
	for range len(out) {
		portion := (<-out).GetSamples()
		if most := (yes+no)/portions + 1; len(portion) > most {
			t.Errorf("expected a portion of at most %d samples, got %d", most, len(portion))
		}
		whole := metrics.NewSink(metrics.Rate).(*metrics.RateSink)
		for _, s := range portion {
			sink.Add(s)
			whole.Add(s)
			times[s.Time] = true
		}
		if rate := float64(whole.Trues) / float64(whole.Total); math.Abs(rate-float64(yes)/(yes+no)) > 0.01 {
			t.Errorf("expected each portion to show the Rate of all, got %g", rate)
		}
	}
	if sink.Trues != yes || sink.Total != yes+no {
		t.Errorf("expected %d of %d, got %d of %d", yes, yes+no, sink.Trues, sink.Total)
	}
	if len(times) != yes+no {
		t.Errorf("expected %d times, got %d", yes+no, len(times))
	}

	r.outcomes(rate, yes, no)
	r.tellAll()
	if r.whileUntold(make(chan time.Time)) != nil || len(out) == 0 {
		t.Error("expected all outcomes to have been told")
	}
}

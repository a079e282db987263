package binding

import (
	"maps"
	"slices"
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/fanout"
	"xk6-realtime/engine/hist"
)

// What could not be measured reaches k6, under a reason of the closed list.
func TestWhatIsNotMeasuredIsTold(t *testing.T) {
	registry := metrics.NewRegistry()
	set, err := registerMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan metrics.SampleContainer, 100)
	r := &recorder{metrics: set, tags: registry.RootTagSet(), out: out, process: &process{}}
	r.fanOut(&fanout.Window{Counts: fanout.Counts{
		Joining: 1, Unstamped: 2, Coarse: [3]int64{3, 4, 5}, Forgotten: 6, Undecided: 7,
	}})
	h := hist.New()
	h.Record(-time.Millisecond)
	h.Record(time.Millisecond)
	lag := r.trend(set.FanOutLag, "", "")
	r.distribution(&lag, h.Distribution(), time.Now())
	told := map[string]float64{}
	for range len(out) {
		container := <-out
		for _, s := range container.GetSamples() {
			if s.Metric == set.Unmeasured {
				reason, _ := s.Tags.Get("reason")
				told[reason] += s.Value
			}
		}
	}
	if want := (map[string]float64{
		"joining": 1, "no_stamp": 2, "stamp_1s": 3, "stamp_100ms": 4, "stamp_10ms": 5, "forgotten": 6, "undecided": 7, "out_of_range": 1,
	}); !maps.Equal(told, want) {
		t.Errorf("k6 was told %v, want %v", told, want)
	}
	for reason := range told {
		if !slices.Contains(metricTable[set.Unmeasured.Name].By["reason"], reason) {
			t.Errorf("%s is not on the list", reason)
		}
	}
}

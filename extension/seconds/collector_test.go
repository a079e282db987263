package seconds

import (
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"
)

func TestWhatIsDiscardedDoesNotPileUp(t *testing.T) {
	registry := metrics.NewRegistry()
	metric, err := registry.NewMetric("ws_probes", metrics.Counter)
	if err != nil {
		t.Fatal(err)
	}
	given := 0
	c := NewCollector(func(seconds []Second, _ Process) { given += len(seconds) })
	add := func(unix int64) {
		of := metrics.TimeSeries{Metric: metric, Tags: registry.RootTagSet()}
		c.AddMetricSamples([]metrics.SampleContainer{metrics.Sample{TimeSeries: of, Time: time.Unix(unix, 0), Value: 1}})
	}
	add(1)
	c.Flush(time.Unix(2, 0))
	if given != 1 {
		t.Fatalf("%d seconds were given away, want 1", given)
	}
	add(2)
	c.Discard()
	for unix := range int64(100) {
		add(unix)
	}
	if len(c.fold.open) != 0 {
		t.Errorf("%d seconds are kept although nobody wants them", len(c.fold.open))
	}
	if c.Stop(nil); given != 1 {
		t.Errorf("%d seconds were given away, want still 1", given)
	}
}

package seconds

import (
	"fmt"
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// A series that is known keeps its tags, however many others there are and
// whatever token its URL carries by now.
func TestAKnownSeriesKeepsItsTagsBeyondTheLimit(t *testing.T) {
	registry := metrics.NewRegistry()
	metric, err := registry.NewMetric("http_reqs", metrics.Counter)
	if err != nil {
		t.Fatal(err)
	}
	f := newFold()
	add := func(url string) {
		tags := registry.RootTagSet().With("url", url)
		f.add(metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: time.Unix(1, 0), Value: 1})
	}
	add("https://example.com/login?token=first")
	for i := range MaxSeries {
		add(fmt.Sprintf("https://example.com/%d", i))
	}
	add("https://example.com/login?token=second")
	add("https://example.com/unknown")
	sums := map[string]float64{}
	for _, second := range f.take(time.Time{}) {
		for series, cell := range second.Cells {
			sums[series.Tags["url"]] += cell.Sum
		}
	}
	if got := sums["https://example.com/login"]; got != 2 {
		t.Errorf("the known series has %v, want 2", got)
	}
	if got := sums[""]; got != 2 || f.excluded.WithoutTags != 2 {
		t.Errorf("%v without tags, of %d series, want the one past the limit and the unknown one", got, f.excluded.WithoutTags)
	}
}

func TestWhatFindsASeriesIsBounded(t *testing.T) {
	registry := metrics.NewRegistry()
	metric, err := registry.NewMetric("http_reqs", metrics.Counter)
	if err != nil {
		t.Fatal(err)
	}
	f := newFold()
	const all = 2*mostKnown + 10
	for i := range all {
		tags := registry.RootTagSet().With("url", fmt.Sprintf("https://example.com/login?token=%d", i))
		f.add(metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: time.Unix(1, 0), Value: 1})
	}
	if len(f.known) > mostKnown || len(f.byIdentity) != 1 {
		t.Errorf("%d series of k6 and %d are kept, want %d and 1 at most", len(f.known), len(f.byIdentity), mostKnown)
	}
	for _, second := range f.take(time.Time{}) {
		for series, cell := range second.Cells {
			if cell.Sum != all || f.excluded.WithoutTags != 0 {
				t.Errorf("%v has %v, want %d", series.Tags, cell.Sum, all)
			}
		}
	}
}

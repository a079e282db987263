package recording

import (
	"fmt"
	"math"
	"testing"
	"time"

	_ "go.k6.io/k6/v2/lib/executor" // its executors are known by being imported
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist"
	"xk6-realtime/samples"
	"xk6-realtime/seconds"
)

func TestEverySampleIsRecordedInItsSecond(t *testing.T) {
	k6 := newK6(t)
	rtt := k6.metric("ws_msg_rtt_ms", metrics.Trend, metrics.Time)
	drops := k6.metric("ws_connection_drops", metrics.Counter, metrics.Default)
	success := k6.metric("ws_delivery_success_rate", metrics.Rate, metrics.Default)
	sessions := k6.metric("ws_active_sessions", metrics.Gauge, metrics.Default)
	code := func(c string) *metrics.TagSet { return k6.root.With("code", c) }

	first, second := time.Unix(1_700_000_000, 999e6), time.Unix(1_700_000_001, 0)
	out := k6.start(t)
	out.AddMetricSamples([]metrics.SampleContainer{
		metrics.Samples{
			k6.sample(rtt, k6.root, first, 0.020_1),
			k6.sample(rtt, k6.root, second, 250),
			k6.sample(rtt, k6.root, second, 250),
			k6.sample(drops, code("1006"), first, 3),
			k6.sample(drops, code("1011"), first, 1),
			k6.sample(drops, code("1006"), first, 2),
			k6.sample(success, k6.root, second, 1),
			k6.sample(success, k6.root, second, 0),
			k6.sample(success, k6.root, second, 1),
		},
		k6.sample(sessions, k6.root, first, 5),
		metrics.ConnectedSamples{Samples: []metrics.Sample{
			k6.sample(sessions, k6.root, first, -1), k6.sample(sessions, k6.root, first, 7),
		}},
	})
	k6.stop(t, out, nil)

	got := readRecording(t, out.file.path)
	for key, want := range map[string]string{
		"1700000000 ws_msg_rtt_ms{} ms":                "1 up to 0.0201",
		"1700000001 ws_msg_rtt_ms{} ms":                "2 up to 250",
		"1700000000 ws_connection_drops{code:1006} 1":  "5",
		"1700000000 ws_connection_drops{code:1011} 1":  "1",
		"1700000001 ws_delivery_success_rate{} 1":      "[2,3]",
		"1700000000 ws_active_sessions{} 1":            "[7,-1,7]",
		"1700000001 ws_active_sessions{} 1":            "",
		"1700000001 ws_connection_drops{code:1006} 1":  "",
		"1700000000 ws_connection_drops{} 1":           "",
		"1700000000 ws_delivery_success_rate{} 1":      "",
		"1700000001 ws_connection_drops{code:1011} 1":  "",
		"1700000000 ws_connection_drops{code:other} 1": "",
	} {
		if got.values[key] != want {
			t.Errorf("%s: recorded %q, want %q", key, got.values[key], want)
		}
	}
}

func TestEngineContainersAreTakenWhole(t *testing.T) {
	k6 := newK6(t)
	rtt := k6.metric("ws_msg_rtt_ms", metrics.Trend, metrics.Time)
	of := metrics.TimeSeries{Metric: rtt, Tags: k6.root}
	series := samples.NewSeries(of, 1000)
	out := k6.start(t)
	at := time.Unix(1_700_000_000, 0)
	for range 2 { // two containers of one second add up
		h := hist.New()
		for ms := range 500 {
			h.Record(time.Duration(ms+1) * time.Millisecond)
		}
		container := series.Container(h.Distribution(), at)
		if len(container.GetSamples()) > 10 {
			t.Fatal("the container shows most values as samples: this proves nothing")
		}
		out.AddMetricSamples([]metrics.SampleContainer{container})
	}
	k6.stop(t, out, nil)

	recorded := readRecording(t, out.file.path).histograms["1700000000 ws_msg_rtt_ms{} ms"]
	if recorded.TotalCount() != 1000 {
		t.Fatalf("%d values are recorded, want 1000", recorded.TotalCount())
	}
	for _, p := range []float64{50, 99, 99.9} {
		got, want := float64(recorded.ValueAtQuantile(p))/seconds.PerUnit, p*5
		if math.Abs(got-want) > 1+want/1000 {
			t.Errorf("p%g is %g ms, want %g", p, got, want)
		}
	}
}

func TestWhatCannotBeRecordedIsCounted(t *testing.T) {
	k6 := newK6(t)
	rtt := k6.metric("ws_msg_rtt_ms", metrics.Trend, metrics.Time)
	out := k6.start(t)
	at := time.Unix(1_700_000_000, 0)
	for _, v := range []float64{-1, 5e8, math.NaN(), math.Inf(1), 10} {
		out.AddMetricSamples([]metrics.SampleContainer{k6.sample(rtt, k6.root, at, v)})
	}
	k6.stop(t, out, nil)
	got := readRecording(t, out.file.path)
	if want := (seconds.Excluded{OutOfRange: 2, NotFinite: 2}); got.end.Excluded != want {
		t.Errorf("excluded %+v, want %+v", got.end.Excluded, want)
	}
	if n := got.histograms["1700000000 ws_msg_rtt_ms{} ms"].TotalCount(); n != 3 {
		t.Errorf("%d values are recorded, want 3", n)
	}
}

func TestTooManySeriesLoseTheirTagsNotTheirCounts(t *testing.T) {
	k6 := newK6(t)
	sessions := k6.metric("ws_sessions", metrics.Counter, metrics.Default)
	out := k6.start(t)
	const all = seconds.MaxSeries + 100
	for i := range all {
		tags := k6.root.With("user", fmt.Sprint(i))
		out.AddMetricSamples([]metrics.SampleContainer{k6.sample(sessions, tags, time.Unix(1, 0), 1)})
	}
	k6.stop(t, out, nil)
	got := readRecording(t, out.file.path)
	if got.values["1 ws_sessions{} 1"] != "100" || len(got.values) != seconds.MaxSeries+1 {
		t.Errorf("%d series, without tags: %q", len(got.values), got.values["1 ws_sessions{} 1"])
	}
	if got.end.Excluded.WithoutTags != 100 {
		t.Errorf("excluded %+v, want 100 without tags", got.end.Excluded)
	}
}

func TestASecondIsWrittenWhenItIsOver(t *testing.T) {
	k6 := newK6(t)
	drops := k6.metric("ws_connection_drops", metrics.Counter, metrics.Default)
	out := k6.start(t)
	at := func(s float64) time.Time { return time.UnixMilli(int64(s * 1000)) }
	for _, s := range []float64{100.1, 100.9, 101, 101.5} {
		out.AddMetricSamples([]metrics.SampleContainer{k6.sample(drops, k6.root, at(s), 1)})
	}
	out.Flush(at(101))
	out.AddMetricSamples([]metrics.SampleContainer{k6.sample(drops, k6.root, at(100.95), 1)}) // late
	killed := readRecording(t, out.file.path)
	if killed.values["100 ws_connection_drops{} 1"] != "2" || len(killed.values) != 1 {
		t.Errorf("killed at this moment it would hold %v, want second 100 alone", killed.values)
	}
	out.Flush(at(102))
	got := readRecording(t, out.file.path).values
	if got["100 ws_connection_drops{} 1"] != "2 1" || got["101 ws_connection_drops{} 1"] != "2" {
		t.Errorf("recorded %v, want the late one on a line of its own", got)
	}
	k6.stop(t, out, nil)
}

func TestALateSampleMayBringUpASeriesOfItsOwn(t *testing.T) {
	k6 := newK6(t)
	drops := k6.metric("ws_connection_drops", metrics.Counter, metrics.Default)
	code := func(c string) *metrics.TagSet { return k6.root.With("code", c) }
	first, second := time.Unix(1_700_000_000, 0), time.Unix(1_700_000_001, 0)
	out := k6.start(t)
	out.AddMetricSamples([]metrics.SampleContainer{
		k6.sample(drops, code("1006"), second, 1),
		k6.sample(drops, code("1011"), first, 2),
	})
	k6.stop(t, out, nil)

	got := readRecording(t, out.file.path).values
	if got["1700000000 ws_connection_drops{code:1011} 1"] != "2" || got["1700000001 ws_connection_drops{code:1006} 1"] != "1" {
		t.Errorf("recorded %v", got)
	}
}

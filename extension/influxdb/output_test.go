package influxdb

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine/hist"
	"xk6-realtime/samples"
	"xk6-realtime/seconds"
)

func TestPointsOfASecond(t *testing.T) {
	registry := metrics.NewRegistry()
	of := func(name string, kind metrics.MetricType, tags ...string) metrics.TimeSeries {
		metric, err := registry.NewMetric(name, kind, map[bool]metrics.ValueType{true: metrics.Time}[kind == metrics.Trend])
		if err != nil {
			t.Fatal(err)
		}
		set := registry.RootTagSet().With("testid", "x").With("scenario", "exec")
		for i := 0; i < len(tags); i += 2 {
			set = set.With(tags[i], tags[i+1])
		}
		return metrics.TimeSeries{Metric: metric, Tags: set}
	}
	rtt := of("rtt", metrics.Trend, "reply", "echo", "run", "theirs", "k6_run", "as is")
	drops, ok := of("drops", metrics.Counter, "code", "1006"), of("ok", metrics.Rate)
	open := of("open", metrics.Gauge)
	h := hist.New()
	for ms := 3; ms <= 1000; ms++ {
		h.Record(time.Duration(ms) * time.Millisecond)
	}
	at := time.Unix(1_700_000_000, 5)
	p := newPointer(identity{run: "r", scenario: "s", instance: "i", commit: "c"})
	var points []*point
	c := seconds.NewCollector(func(all []seconds.Second, _ seconds.Process) {
		for _, second := range all {
			points = append(points, p.of(second)...)
		}
	})
	sample := func(of metrics.TimeSeries, v float64) metrics.Sample {
		return metrics.Sample{TimeSeries: of, Time: at, Value: v}
	}
	c.AddMetricSamples([]metrics.SampleContainer{
		samples.NewSeries(rtt, 100).Container(h.Distribution(), at),
		metrics.Samples{sample(rtt, 1), sample(rtt, 2), sample(drops, 2), sample(drops, 3), sample(ok, 1), sample(ok, 0),
			sample(open, 7), sample(open, 4)},
	})
	c.Flush(time.Time{})
	c.AddMetricSamples([]metrics.SampleContainer{sample(drops, 1)})
	c.Flush(time.Time{})

	common := "commit=c instance=i run=r scenario=s source=aggregates"
	for i, want := range []struct{ name, tags, fields string }{
		{"rtt", common + " unit=ms reply=echo k6_run=theirs k6_k6_run=as is",
			"count=1000 sum=500500 min=1 max=1000"},
		{"drops", common + " unit=1 code=1006", "sum=5"},
		{"ok", common + " unit=1", "passes=1 total=2"},
		{"open", common + " unit=1", "last=4 min=4 max=7"},
		{"drops", common + " unit=1 code=1006", "sum=1"},
	} {
		got := points[i]
		if got.measurement != want.name {
			t.Fatalf("point %d is %s, want %s", i, got.measurement, want.name)
		}
		for _, tag := range strings.Split(strings.ReplaceAll(want.tags, "as is", "as_is"), " ") {
			name, value, _ := strings.Cut(tag, "=")
			if got.tags[name] != strings.ReplaceAll(value, "_is", " is") {
				t.Errorf("%s: tag %s is %q, want %q", want.name, name, got.tags[name], value)
			}
		}
		for _, field := range strings.Fields(want.fields) {
			name, value, _ := strings.Cut(field, "=")
			if s := fmt.Sprint(got.fields[name]); s != value {
				t.Errorf("%s: field %s is %s, want %s", want.name, name, s, value)
			}
		}
		if _, has := got.tags["testid"]; has || got.tags["k6_scenario"] != "exec" {
			t.Errorf("%s: tags %v, want k6_scenario=exec and no testid, which is the run", want.name, got.tags)
		}
		part := map[bool]int64{true: 1}[i == 4]
		if !got.at.Equal(time.Unix(1_700_000_000, part)) {
			t.Errorf("%s: at %d, want part %d of its second", want.name, got.at.UnixNano(), part)
		}
	}
	for _, q := range quantiles {
		want := 1 + q.share*999 // between the ranks of 1 to 1000
		if got := points[0].fields[q.field].(float64); math.Abs(got-want) > want/1000 {
			t.Errorf("%s is %g, want %g", q.field, got, want)
		}
	}
	decoded, err := hdrhistogram.Decode([]byte(points[0].fields["histogram"].(string)))
	if err != nil || decoded.TotalCount() != 1000 {
		t.Errorf("the histogram holds %v (%v), want 1000 values", decoded, err)
	}
}

// TestTarget runs the table that cli/influxdb/place.ts runs.
// The middle of a bucket lies beyond the values at either end of it.
func TestNoQuantileLiesBeyondTheValues(t *testing.T) {
	registry := metrics.NewRegistry()
	metric, err := registry.NewMetric("rtt", metrics.Trend, metrics.Time)
	if err != nil {
		t.Fatal(err)
	}
	of := metrics.TimeSeries{Metric: metric, Tags: registry.RootTagSet()}
	for _, value := range []float64{154.72, 154.75, 154.8, 1234.5, 1235.1} {
		var points []*point
		p := newPointer(identity{run: "r", scenario: "s", instance: "i"})
		c := seconds.NewCollector(func(all []seconds.Second, _ seconds.Process) {
			for _, second := range all {
				points = append(points, p.of(second)...)
			}
		})
		sample := metrics.Sample{TimeSeries: of, Time: time.Unix(1_700_000_000, 5), Value: value}
		c.AddMetricSamples([]metrics.SampleContainer{metrics.Samples{sample}})
		c.Flush(time.Time{})
		for _, q := range quantiles {
			if got := points[0].fields[q.field]; got != value {
				t.Errorf("the only value is %g, and %s is %v", value, q.field, got)
			}
		}
	}
}

func TestTarget(t *testing.T) {
	text, err := os.ReadFile("../../test/influxdb/addresses.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []struct {
		Name, Address, Token, Error                    string
		Server, Org, Bucket, Database, RetentionPolicy string
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{tokenVariable: "t", userVariable: "u", passwordVariable: "p"}
	for _, row := range table {
		t.Run(row.Name, func(t *testing.T) {
			environment := maps.Clone(environment)
			if row.Token != "" {
				environment[tokenVariable] = row.Token
			}
			got, err := parseTarget(row.Address, environment)
			if row.Error != "" {
				if err == nil || !strings.Contains(err.Error(), row.Error) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("error %v, want one with %q and without secrets", err, row.Error)
				}
				return
			}
			want := target{server: row.Server, org: row.Org, bucket: row.Bucket, token: "t"}
			if row.Database != "" {
				want = target{server: row.Server, database: row.Database, retentionPolicy: row.RetentionPolicy, user: "u", password: "p"}
			}
			if err != nil || got != want {
				t.Errorf("got %+v, error %v; want %+v", got, err, want)
			}
		})
	}
	if _, err := parseTarget("http://h/?org=o&bucket=b", nil); err == nil || !strings.Contains(err.Error(), "set INFLUX_TOKEN") {
		t.Errorf("error %v without a token", err)
	}
}

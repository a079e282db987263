//go:build unix

package influxdb

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"
	"golang.org/x/sys/unix"
)

// BenchmarkSecond is a second of a run with so many samples, from k6's samples to
// compressed bytes at a server, which is in this process. %core is the share of a
// processor that the output, and such a server, need when there is one a second.
func BenchmarkSecond(b *testing.B) {
	for _, perSecond := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("%d samples", perSecond), func(b *testing.B) { benchmarkSecond(b, perSecond) })
	}
}

func benchmarkSecond(b *testing.B, perSecond int) {
	var bytes atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		bytes.Add(n)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	made, err := New(output.Params{
		Logger: quiet(), ConfigArgument: server.URL + "/?org=o&bucket=b",
		Environment: map[string]string{tokenVariable: "t"},
	})
	if err != nil {
		b.Fatal(err)
	}
	out := made.(*Output)
	if err := out.Start(); err != nil {
		b.Fatal(err)
	}
	registry := metrics.NewRegistry()
	rng := rand.New(rand.NewPCG(1, 2))
	var all metrics.Samples
	const series = 30
	for i := range perSecond {
		metric, err := registry.NewMetric(fmt.Sprint("ws_metric_", i%series), metrics.Trend, metrics.Time)
		if err != nil {
			b.Fatal(err)
		}
		of := metrics.TimeSeries{Metric: metric, Tags: registry.RootTagSet()}
		all = append(all, metrics.Sample{TimeSeries: of, Value: 20 * math.Exp(rng.NormFloat64())})
	}
	second := int64(1_700_000_000)
	before := processorTime(b)
	for b.Loop() {
		second++
		for i := range all {
			all[i].Time = time.Unix(second, int64(i))
		}
		out.AddMetricSamples([]metrics.SampleContainer{all})
		out.Flush(time.Unix(second+1, 0))
	}
	if err := out.Stop(); err != nil {
		b.Fatal(err)
	}
	used := processorTime(b) - before
	b.ReportMetric(100*used.Seconds()/float64(b.N), "%core")
	b.ReportMetric(float64(out.queue.account.written)/float64(b.N), "points/s")
	b.ReportMetric(float64(bytes.Load())/float64(b.N), "B/s")
}

func processorTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

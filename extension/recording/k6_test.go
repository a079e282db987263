package recording

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/sirupsen/logrus"
	_ "go.k6.io/k6/v2/lib/executor" // its executors are known by being imported
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

	"xk6-realtime/seconds"
)

// k6 stands for the part of k6 that drives an output.
type k6 struct {
	t          *testing.T
	registry   *metrics.Registry
	root       *metrics.TagSet
	params     output.Params
	thresholds map[string]metrics.Thresholds
}

func newK6(t *testing.T) *k6 {
	registry := metrics.NewRegistry()
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	return &k6{t: t, registry: registry, root: registry.RootTagSet(), params: output.Params{
		Logger: logger, ConfigArgument: filepath.Join(t.TempDir(), "run.jsonl"),
		ScriptPath: &url.URL{Path: "/script.js"},
	}}
}

func (k *k6) metric(name string, kind metrics.MetricType, contains metrics.ValueType) *metrics.Metric {
	metric, err := k.registry.NewMetric(name, kind, contains)
	if err != nil {
		k.t.Fatal(err)
	}
	return metric
}

func (k *k6) sample(metric *metrics.Metric, tags *metrics.TagSet, at time.Time, v float64) metrics.Sample {
	return metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: at, Value: v}
}

func (k *k6) start(t *testing.T) *Output {
	t.Helper()
	made, err := New(k.params)
	if err != nil {
		t.Fatal(err)
	}
	out := made.(*Output)
	out.SetThresholds(k.thresholds)
	// The test flushes by itself.
	if err := out.open(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (k *k6) stop(t *testing.T, out *Output, runErr error) {
	t.Helper()
	if err := out.StopWithTestError(runErr); err != nil {
		t.Fatal(err)
	}
}

// recorded is a recording as a reader that is not ours sees it.
type recorded struct {
	header seconds.Header
	end    seconds.End
	// values is, by second, series and unit, what the lines say, in their order.
	values     map[string]string
	histograms map[string]*hdrhistogram.Histogram
	text       string
}

func readRecording(t *testing.T, path string) recorded {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := recorded{values: map[string]string{}, histograms: map[string]*hdrhistogram.Histogram{}, text: string(text)}
	names := map[int]string{}
	lines := bufio.NewScanner(strings.NewReader(got.text))
	lines.Buffer(nil, 1<<20)
	for number := 0; lines.Scan(); number++ {
		var line struct {
			seconds.Header
			endLine
			seriesLine
			T int64                `json:"t"`
			D [][2]json.RawMessage `json:"d"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("line %d: %v\n%s", number+1, err, lines.Text())
		}
		switch {
		case number == 0:
			got.header = line.Header
		case line.End.State != "":
			got.end = line.End
		case line.Metric != "":
			tags := make([]string, 0, len(line.Tags))
			for name, value := range line.Tags {
				tags = append(tags, name+":"+value)
			}
			slices.Sort(tags)
			if line.Series != len(names) {
				t.Fatalf("line %d describes series %d, want %d, the next one", number+1, line.Series, len(names))
			}
			names[line.Series] = fmt.Sprintf("%s{%s} %s", line.Metric, strings.Join(tags, ","), line.Unit)
		}
		for _, pair := range line.D {
			var index int
			if err := json.Unmarshal(pair[0], &index); err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprint(line.T, " ", names[index])
			value := string(pair[1])
			var encoded string
			if json.Unmarshal(pair[1], &encoded) == nil {
				h, err := hdrhistogram.Decode([]byte(encoded))
				if err != nil {
					t.Fatal(err)
				}
				got.histograms[key] = h
				value = fmt.Sprintf("%d up to %.3g", h.TotalCount(), float64(h.Max())/seconds.PerUnit)
			}
			got.values[key] = strings.TrimSpace(got.values[key] + " " + value)
		}
	}
	return got
}

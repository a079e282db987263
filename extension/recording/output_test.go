package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	_ "go.k6.io/k6/v2/lib/executor" // its executors are known by being imported
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

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

func TestHeaderSaysWhatWasRun(t *testing.T) {
	k6 := newK6(t)
	k6.params.ScriptPath = &url.URL{Path: "/some/where/dist/chat-soak.js"}
	k6.params.ScriptOptions.RunTags = map[string]string{"testid": "nightly-7"}
	scenarios := `{"soak":{"executor":"per-vu-iterations","startTime":"3s","env":{"PLANNED_MS":"42000"}},
		"other":{"executor":"per-vu-iterations","env":{"PLANNED_MS":"NaN"}}}`
	if err := json.Unmarshal([]byte(scenarios), &k6.params.ScriptOptions.Scenarios); err != nil {
		t.Fatal(err)
	}
	limit := metrics.Thresholds{Thresholds: []*metrics.Threshold{{Source: "p(99)<500"}, {Source: "max<9"}}}
	k6.thresholds = map[string]metrics.Thresholds{"ws_msg_rtt_ms": limit}
	out := k6.start(t)
	k6.stop(t, out, nil)

	got := readRecording(t, out.file.path).header
	if got.Format != "k6-realtime" || got.Version != 1 || got.Scenario != "chat-soak" || got.Run != "nightly-7" {
		t.Errorf("header %+v", got)
	}
	if want := []string{"p(99)<500", "max<9"}; !slices.Equal(got.Thresholds["ws_msg_rtt_ms"], want) {
		t.Errorf("thresholds %v, want %v", got.Thresholds, want)
	}
	if e := got.Environment; e.CPUs < 1 || e.OS == "" || e.Arch == "" {
		t.Errorf("environment %+v", e)
	}
	if got.PlannedMs != 45_000 {
		t.Errorf("planned for %g ms, want what the scenario says after its start time", got.PlannedMs)
	}
	if age := time.Since(got.StartedAt); age < 0 || age > time.Minute {
		t.Errorf("started %s ago", age)
	}
}

func TestFooterSaysHowTheRunEnded(t *testing.T) {
	coded := func(code exitcodes.ExitCode, reason errext.AbortReason) error {
		return errext.WithAbortReasonIfNone(errext.WithExitCodeIfNone(errors.New("wss://x/?token=s3cret"), code), reason)
	}
	for _, test := range []struct {
		name  string
		err   error
		state string
		code  int
	}{
		{"to its planned end", nil, "finished", 0},
		{"to its planned end, with a broken threshold",
			coded(exitcodes.ThresholdsHaveFailed, errext.AbortedByThresholdsAfterTestEnd), "finished", 99},
		{"a threshold stopped it",
			coded(exitcodes.ThresholdsHaveFailed, errext.AbortedByThreshold), "aborted-by-threshold", 99},
		{"^C", coded(exitcodes.ExternalAbort, errext.AbortedByUser), "interrupted", 105},
		{"exec.test.abort()", coded(exitcodes.ScriptAborted, errext.AbortedByScriptAbort), "aborted-by-script", 108},
		{"the set-up threw", coded(exitcodes.ScriptException, errext.AbortedByScriptError), "failed", 107},
		{"an error without a code", errors.New("wss://x/?token=s3cret"), "failed", 255},
	} {
		t.Run(test.name, func(t *testing.T) {
			k6 := newK6(t)
			out := k6.start(t)
			k6.stop(t, out, test.err)
			got := readRecording(t, out.file.path)
			if got.end.State != test.state || got.end.ExitCode != test.code {
				t.Errorf("%s, exit code %d; want %s, %d", got.end.State, got.end.ExitCode, test.state, test.code)
			}
			if strings.Contains(got.text, "s3cret") {
				t.Error("the recording holds the error's text, and with it a token")
			}
		})
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

func TestSecretsAreNotRecorded(t *testing.T) {
	k6 := newK6(t)
	sessions := k6.metric("ws_sessions", metrics.Counter, metrics.Default)
	out := k6.start(t)
	at := time.Unix(1_700_000_000, 0)
	for _, value := range []string{
		"wss://user:s3cret@example.com/chat?token=s3cret#s3cret",
		`dial: Get "wss://example.com/chat?token=s3cret&a=b": refused`,
	} {
		for i := range 3 { // other tokens, the same series
			tags := k6.root.With("url", strings.ReplaceAll(value, "=s3cret", fmt.Sprint("=s3cret", i)))
			out.AddMetricSamples([]metrics.SampleContainer{k6.sample(sessions, tags, at, 1)})
		}
	}
	k6.stop(t, out, nil)
	got := readRecording(t, out.file.path)
	if strings.Contains(got.text, "s3cret") {
		t.Errorf("a secret is recorded:\n%s", got.text)
	}
	for _, key := range []string{
		"1700000000 ws_sessions{url:wss://example.com/chat} 1",
		`1700000000 ws_sessions{url:dial: Get "wss://example.com/chat": refused} 1`,
	} {
		if got.values[key] != "3" {
			t.Errorf("%s: recorded %q, want 3", key, got.values[key])
		}
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

func TestWhereTheRecordingGoes(t *testing.T) {
	directory := t.TempDir()
	taken := filepath.Join(directory, "taken.jsonl")
	if err := os.WriteFile(taken, []byte("evidence"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, argument string
		wantErr        string
	}{
		{"a new file", filepath.Join(directory, "new.jsonl"), ""},
		{"a directory", directory, ""},
		{"a file that is there", taken, "is not overwritten"},
		{"a directory that is not there", filepath.Join(directory, "no/such.jsonl"), "no such file or directory"},
		{"nothing", "", "expected --out realtime=FILE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k6 := newK6(t)
			k6.params.ConfigArgument = test.argument
			out, err := New(k6.params)
			if err == nil {
				err = out.Start()
			}
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("error %v, want one with %q", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			made := out.(*Output)
			k6.stop(t, made, nil)
			if !strings.HasPrefix(made.file.path, directory) || readRecording(t, made.file.path).header.ID == "" {
				t.Errorf("made %s", made.file.path)
			}
			if test.argument == directory && !strings.HasSuffix(made.file.path, suffix) {
				t.Errorf("%s does not end in %s", made.file.path, suffix)
			}
		})
	}
	if text, _ := os.ReadFile(taken); string(text) != "evidence" {
		t.Errorf("the file that was there now holds %q", text)
	}
}

func TestAFullDiskEndsTheRecordingNotTheRun(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	k6 := newK6(t)
	var log strings.Builder
	k6.params.Logger.(*logrus.Logger).SetOutput(&log)
	out := k6.start(t)
	disk := out.file
	out.file = &file{path: "/dev/full", f: full}
	drops := k6.metric("ws_connection_drops", metrics.Counter, metrics.Default)
	for i := range 3 {
		sample := k6.sample(drops, k6.root, time.Unix(int64(i), 0), 1)
		out.AddMetricSamples([]metrics.SampleContainer{sample})
		out.Flush(time.Unix(int64(i)+1, 0))
	}
	if err := out.StopWithTestError(nil); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("Stop: %v, want no space left", err)
	}
	if n := strings.Count(log.String(), "no space left"); n != 1 {
		t.Errorf("the failure is logged %d times, want once:\n%s", n, log.String())
	}
	if err := disk.close(); err != nil {
		t.Error(err)
	}
}

func TestADiskThatIsFullFromTheStartLeavesNoFileInTheWay(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	path := filepath.Join(t.TempDir(), "run.jsonl")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := &file{path: path, f: full}
	if err := f.begin([]byte("{}\n")); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("begin: %v, want no space left", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty file is still there (%v): the next run could not be recorded", err)
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

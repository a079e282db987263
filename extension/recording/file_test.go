package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	_ "go.k6.io/k6/v2/lib/executor" // its executors are known by being imported
	"go.k6.io/k6/v2/metrics"
)

func TestHeaderSaysWhatWasRun(t *testing.T) {
	k6 := newK6(t)
	k6.params.ScriptPath = &url.URL{Path: "/some/where/dist/chat-soak.js"}
	k6.params.ScriptOptions.RunTags = map[string]string{"testid": "nightly-7"}
	scenarios := `{"soak":{"executor":"per-vu-iterations","startTime":"3s","env":{"PLANNED_MS":"42000","FLOOR":"{\"ws_replies\":[\"count>0\"]}"}},
		"other":{"executor":"per-vu-iterations","env":{"PLANNED_MS":"NaN","FLOOR":"of wood"}}}`
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
	if floor := got.Floor; len(floor) != 1 || !slices.Equal(floor["ws_replies"], []string{"count>0"}) {
		t.Errorf("floor %v", floor)
	}
	if age := time.Since(got.StartedAt); age < 0 || age > time.Minute {
		t.Errorf("started %s ago", age)
	}
}

func TestOutputsOfOneTestHaveOneID(t *testing.T) {
	idOf := func(k6 *k6) string {
		k6.params.ConfigArgument = filepath.Join(t.TempDir(), "run.jsonl")
		out := k6.start(t)
		k6.stop(t, out, nil)
		return readRecording(t, out.file.path).header.ID
	}
	one, other := newK6(t), newK6(t)
	id := idOf(one)
	if again := idOf(one); again != id {
		t.Errorf("two outputs of one test have the ids %q and %q", id, again)
	}
	if idOf(other) == id {
		t.Errorf("two tests have the id %q", id)
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

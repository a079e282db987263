package binding

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine"
)

func TestEveryMetricIsInTheTable(t *testing.T) {
	set, err := registerMetrics(metrics.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if m := set.ConnectLatency; m.Name != "ws_connect_latency_ms" || m.Type != metrics.Trend || m.Contains != metrics.Time {
		t.Errorf("%+v", m)
	}
	if m := set.DropRate; m.Type != metrics.Rate || m.Contains != metrics.Default {
		t.Errorf("%+v", m)
	}
}

// What the engine can say must be on the closed lists, or it would count as
// "other".
func TestTheClosedListsHoldWhatTheEngineSays(t *testing.T) {
	failures := metricTable["ws_connect_failures"].By["reason"]
	for reason := engine.ReasonDNS; reason <= engine.ReasonOther; reason++ {
		if reason != engine.ReasonAborted && !slices.Contains(failures, reason.String()) {
			t.Errorf("reason %q is not on the list of ws_connect_failures", reason)
		}
	}
	source, err := os.ReadFile("../engine/frame/frame.go")
	if err != nil {
		t.Fatal(err)
	}
	breaches := regexp.MustCompile(`&Error\{"(\w+)"`).FindAllSubmatch(source, -1)
	if len(breaches) < 10 {
		t.Fatalf("found %d breaches in frame.go, want more", len(breaches))
	}
	for _, breach := range breaches {
		if reason := string(breach[1]); !slices.Contains(metricTable["ws_message_errors"].By["reason"], reason) {
			t.Errorf("breach %q is not on the list of ws_message_errors", reason)
		}
	}
	drops := metricTable["ws_connection_drops"].By["by"]
	for _, by := range []engine.By{engine.ByServer, engine.ByNetwork, engine.ByTimeout} {
		if !slices.Contains(drops, by.String()) {
			t.Errorf("%q is not on the list of ws_connection_drops", by)
		}
	}
}

func TestAFailureOffTheListIsStillNamed(t *testing.T) {
	set, err := registerMetrics(metrics.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{metrics: set}
	for reason, want := range map[engine.Reason]string{
		401: "http_401", 418: "http_rejected", engine.ReasonBadAccept: "bad_accept", engine.ReasonOther: "other",
	} {
		if got := r.failure(reason); got != want {
			t.Errorf("%s is %q, want %q", reason, got, want)
		}
	}
}

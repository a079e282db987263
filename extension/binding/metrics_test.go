package binding

import (
	"slices"
	"testing"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine"
	"xk6-realtime/engine/frame"
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
	for reason := engine.ReasonDNS; reason <= engine.ReasonProxyBadAnswer; reason++ {
		if reason != engine.ReasonAborted && !slices.Contains(failures, reason.String()) {
			t.Errorf("reason %q is not on the list of ws_connect_failures", reason)
		}
	}
	for _, breach := range frame.Errors {
		if !slices.Contains(metricTable["ws_message_errors"].By["reason"], breach.Reason) {
			t.Errorf("breach %q is not on the list of ws_message_errors", breach.Reason)
		}
	}
	drops := metricTable["ws_connection_drops"].By["by"]
	for _, by := range []engine.By{engine.ByServer, engine.ByNetwork, engine.ByTimeout, engine.ByGenerator} {
		if !slices.Contains(drops, by.String()) {
			t.Errorf("%q is not on the list of ws_connection_drops", by)
		}
	}
}

// Engine and verdict must agree on what is not to be blamed on the server.
func TestTheTableOfOursIsTheEnginesOwn(t *testing.T) {
	failures := metricTable["ws_connect_failures"].Ours["reason"]
	for reason := engine.ReasonDNS; reason <= engine.ReasonProxyBadAnswer; reason++ {
		if reason != engine.ReasonAborted && reason.IsOurs() != slices.Contains(failures, reason.String()) {
			t.Errorf("%q: the engine says ours: %t, lib/ours.ts does not", reason, reason.IsOurs())
		}
	}
	errors := metricTable["ws_message_errors"].Ours["reason"]
	for _, breach := range frame.Errors {
		if breach.IsLimit() != slices.Contains(errors, breach.Reason) {
			t.Errorf("%q: the engine says ours: %t, lib/ours.ts does not", breach.Reason, breach.IsLimit())
		}
	}
	if by := metricTable["ws_connection_drops"].Ours["by"]; !slices.Equal(by, []string{engine.ByGenerator.String()}) {
		t.Errorf("lib/ours.ts has %q of ws_connection_drops, want the generator", by)
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

package binding

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
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
			t.Errorf("%q: the engine says ours: %t, lib/generator-faults.ts does not", reason, reason.IsOurs())
		}
	}
	source, err := os.ReadFile("../../lib/generator-faults.ts")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if want := "HEADER_BYTES = 65_536;"; e.Options().HeaderBytes != 65_536 || !strings.Contains(string(source), want) {
		t.Errorf("the engine takes headers of %d bytes, want lib/generator-faults.ts to say so", e.Options().HeaderBytes)
	}
	errors := metricTable["ws_message_errors"].Ours["reason"]
	for _, breach := range frame.Errors {
		if breach.IsLimit() != slices.Contains(errors, breach.Reason) {
			t.Errorf("%q: the engine says ours: %t, lib/generator-faults.ts does not", breach.Reason, breach.IsLimit())
		}
	}
	if by := metricTable["ws_connection_drops"].Ours["by"]; !slices.Equal(by, []string{engine.ByGenerator.String()}) {
		t.Errorf("lib/generator-faults.ts has %q of ws_connection_drops, want the generator", by)
	}
}

func TestAFailureOffTheListIsStillNamed(t *testing.T) {
	set, err := registerMetrics(metrics.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for reason, want := range map[engine.Reason]string{
		401: "http_401", 418: "http_rejected", engine.ReasonBadAccept: "bad_accept", engine.ReasonOther: "other",
	} {
		if got := failureReason(set.ConnectFailures, reason); got != want {
			t.Errorf("%s is %q, want %q", reason, got, want)
		}
	}
}

func TestAPeersTextIsFitForALog(t *testing.T) {
	table, err := os.ReadFile("testdata/peer-text.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Name, Text, Want string
		Secrets          []string
	}
	if err := json.Unmarshal(table, &rows); err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		if got := peerText(row.Text, row.Secrets...); got != row.Want {
			t.Errorf("%s: %q, want %q", row.Name, got, row.Want)
		}
	}
}

func TestNoticesAreBounded(t *testing.T) {
	n := notices{}
	for i := range 100 {
		n.add("one reason", fmt.Sprint("wording ", i))
		n.add("one reason", "wording 0")
		n.add(fmt.Sprint("reason ", i), fmt.Sprint("sentence ", i))
	}
	all := n.soFar()
	ofOne := 0
	for _, sentence := range all {
		if strings.HasPrefix(sentence, "wording") {
			ofOne++
		}
	}
	if ofOne != mostOfAGroup || len(all) != mostNotices {
		t.Errorf("%d sentences, %d of one reason; want %d and %d", len(all), ofOne, mostNotices, mostOfAGroup)
	}
}

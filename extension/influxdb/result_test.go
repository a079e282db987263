package influxdb

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/seconds"
)

func TestResultIsTakenFromWhoKnowsThePathAlone(t *testing.T) {
	var stored []result
	r, err := receive(func(given result) error {
		stored = append(stored, given)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.server.Close() }()
	post := func(url, body string) int {
		answer, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	base := r.url[:strings.LastIndex(r.url, "/")]
	for _, test := range []struct {
		name, url, body string
		want            int
	}{
		{"another path", base + "/", `{"fields":{"verdict":"pass"}}`, http.StatusNotFound},
		{"no JSON", r.url, "pass", http.StatusBadRequest},
		{"no fields", r.url, `{"steps":[]}`, http.StatusBadRequest},
		{"too much", r.url, `{"fields":{"verdict":"` + strings.Repeat("x", largestResult) + `"}}`, http.StatusBadRequest},
		{"a result", r.url, `{"fields":{"verdict":"pass","ws_replies_count":7}}`, http.StatusOK},
	} {
		if got := post(test.url, test.body); got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
	if len(stored) != 1 || stored[0].Fields["verdict"] != "pass" || stored[0].Fields["ws_replies_count"] != 7.0 {
		t.Errorf("stored %v, want one result", stored)
	}
}

func TestScriptIsToldThatItsResultCannotBeStored(t *testing.T) {
	r, err := receive(func(result) error { return errors.New("the server is away") })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.server.Close() }()
	answer, err := http.Post(r.url, "application/json", strings.NewReader(`{"fields":{"verdict":"pass"}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusBadGateway || !strings.Contains(string(body), "the server is away") {
		t.Errorf("status %d, %s", answer.StatusCode, body)
	}
}

func TestStepsOfAResultAreApart(t *testing.T) {
	// Within a second: a link is to show all of the first and of the last.
	at := time.Unix(1_700_000_000, 250_000_001)
	points := result{
		Fields: map[string]any{"verdict": "fail"},
		Steps:  []map[string]any{{"size": 10.0}, {"size": 20.0}},
	}.points(identity{run: "r"}, facts{branch: "main"}, at, at.Add(time.Minute), "run")
	if len(points) != 3 || points[1].at.Equal(points[2].at) {
		t.Fatalf("%d points, of which two at the same time would be one", len(points))
	}
	tags := points[0].tags
	if tags["from"] != "1700000000000" || tags["until"] != "1700000061000" || tags["branch"] != "main" || tags["part"] != "run" {
		t.Errorf("tags %v", tags)
	}
}

func TestAStepIsAnEventOnce(t *testing.T) {
	metric := metrics.NewRegistry().MustNewMetric("ws_replies", metrics.Counter)
	in := func(unix int64, steps ...string) seconds.Second {
		cells := map[*seconds.Series]*seconds.Cell{}
		for i, step := range steps {
			tags := map[string]string{stepTag: step, stepsOfTag: "subscribers"}
			cells[&seconds.Series{Index: i, Metric: metric, Tags: tags}] = &seconds.Cell{Sum: 1}
		}
		return seconds.Second{Unix: unix, Cells: cells}
	}
	e := &events{identity: identity{run: "r"}}
	var got []string
	for _, second := range []seconds.Second{in(1, "10"), in(2, "10"), in(3, "10", "200"), in(4)} {
		for _, point := range e.of(second) {
			got = append(got, point.at.UTC().Format("05")+" "+point.fields["text"].(string))
		}
	}
	if want := "01 10 subscribers, 03 200 subscribers"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaultsAreMarkedWhereTheyBegin(t *testing.T) {
	registry := metrics.NewRegistry()
	dropped, failed := registry.MustNewMetric("ws_connection_drops", metrics.Counter), registry.MustNewMetric("ws_connect_failures", metrics.Counter)
	in := func(unix int64, drops, otherDrops, failures float64) seconds.Second {
		return seconds.Second{Unix: unix, Cells: map[*seconds.Series]*seconds.Cell{
			{Metric: dropped, Tags: map[string]string{"code": "1006"}}: {Sum: drops},
			{Metric: dropped, Tags: map[string]string{"code": "1011"}}: {Sum: otherDrops},
			{Metric: failed}: {Sum: failures},
		}}
	}
	e := &events{identity: identity{run: "r"}}
	var got []string
	mark := func(second seconds.Second) {
		for _, point := range e.of(second) {
			got = append(got, fmt.Sprintf("%d: %s", point.at.Unix(), point.fields["text"]))
		}
	}
	for _, second := range []seconds.Second{
		in(100, 0, 0, 0), in(101, 3, 2, 0), in(102, 7, 0, 1), in(112, 1, 0, 0), in(123, 4, 0, 0), in(104, 5, 0, 0),
	} {
		mark(second)
	}
	want := "101: 5 connections dropped, 102: 1 connections could not be opened, 123: 4 connections dropped"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got = nil
	for n := range int64(2 * mostMarks) {
		mark(in(1000+n*(calm+1), 0, 1, 0))
	}
	if len(got) != mostMarks-2 {
		t.Errorf("%d more marks, want %d", len(got), mostMarks-2)
	}
}

func TestOpenConnectionsAreThoseThatHaveNotEnded(t *testing.T) {
	registry := metrics.NewRegistry()
	opened, closed := registry.MustNewMetric("ws_sessions_opened", metrics.Counter), registry.MustNewMetric("ws_sessions_closed", metrics.Counter)
	in := func(unix int64, more, less float64) seconds.Second {
		return seconds.Second{Unix: unix, Cells: map[*seconds.Series]*seconds.Cell{
			{Metric: opened}: {Sum: more}, {Metric: closed}: {Sum: less},
		}}
	}
	o := &open{identity: identity{run: "r"}}
	var got []string
	for _, flush := range []struct {
		all []seconds.Second
		now int64
	}{
		{[]seconds.Second{in(10, 7, 0)}, 11},
		{nil, 12}, // nothing opened, nothing ended
		{[]seconds.Second{in(10, 1, 0), in(12, 1, 3), in(13, 0, 5)}, 13}, // the first comes late, and replaces the report of 11
	} {
		for _, point := range o.of(flush.all, time.Unix(flush.now, 0)) {
			got = append(got, fmt.Sprintf("%d: %v", point.at.Unix(), point.fields["connections"]))
		}
	}
	if want := "10: 7, 11: 7, 11: 8, 12: 6, 13: 1"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

package influxdb

import (
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/seconds"
)

func TestOpenConnectionsAreToldFromTheFirstToTheLast(t *testing.T) {
	registry := metrics.NewRegistry()
	series := map[string]*seconds.Series{}
	for _, name := range []string{"ws_sessions_opened", "ws_sessions_closed", "token_requests"} {
		metric := registry.MustNewMetric(name, metrics.Counter)
		series[name] = &seconds.Series{Metric: metric}
	}
	o := &open{identity: identity{run: "r"}}
	var at time.Time
	told := func(unix int64, counted string, sum float64) (values []any) {
		second := seconds.Second{Unix: unix, Cells: map[*seconds.Series]*seconds.Cell{series[counted]: {Sum: sum}}}
		for _, p := range o.of([]seconds.Second{second}, time.Unix(unix, 0)) {
			values = append(values, p.fields["connections"])
			at = p.at
		}
		return values
	}
	if got := told(100, "token_requests", 5); len(got) != 0 {
		t.Errorf("without a connection: told %v", got)
	}
	if got := told(101, "ws_sessions_opened", 2); len(got) != 1 || got[0] != 2.0 {
		t.Errorf("two were opened: told %v", got)
	}
	if got := told(103, "ws_sessions_closed", 1); len(got) != 1 || got[0] != 1.0 {
		t.Errorf("one ended: told %v", got)
	}
	if got := told(102, "ws_sessions_closed", 1); len(got) != 1 || got[0] != 0.0 || at.Unix() != 103 {
		t.Errorf("the other ended before, told late: told %v at %v", got, at.Unix())
	}
}

package influxdb

import (
	"testing"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/seconds"
)

func TestNoOpenConnectionsAreToldBeforeTheFirst(t *testing.T) {
	registry := metrics.NewRegistry()
	series := map[string]*seconds.Series{}
	for _, name := range []string{"ws_sessions_opened", "ws_sessions_closed", "token_requests"} {
		metric := registry.MustNewMetric(name, metrics.Counter)
		series[name] = &seconds.Series{Metric: metric}
	}
	o := &open{identity: identity{run: "r"}}
	told := func(unix int64, counted string, sum float64) (values []any) {
		second := seconds.Second{Unix: unix, Cells: map[*seconds.Series]*seconds.Cell{series[counted]: {Sum: sum}}}
		for _, p := range o.of([]seconds.Second{second}, time.Unix(unix+1, 0)) {
			values = append(values, p.fields["connections"])
		}
		return values
	}
	if got := told(100, "token_requests", 5); len(got) != 0 {
		t.Errorf("without a connection: told %v", got)
	}
	if got := told(101, "ws_sessions_opened", 2); len(got) != 1 || got[0] != 2.0 {
		t.Errorf("two were opened: told %v", got)
	}
	if got := told(102, "ws_sessions_closed", 2); len(got) != 1 || got[0] != 0.0 {
		t.Errorf("both ended: told %v", got)
	}
}

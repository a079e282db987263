package influxdb

import (
	"time"

	"xk6-realtime/seconds"
)

const openMeasurement = "realtime_open"

// open counts the connections of this process, from the opened and the ended ones: not every
// scenario has a gauge of them.
type open struct {
	identity    identity
	connections float64
	any         bool  // whether one was opened yet
	last        int64 // second that was told of
}

// of is how many were open at the end of each second, of quiet ones that just
// passed too: a line that stops would look like a load that does. Before the
// first one it is nothing: a scenario that opens none has no such line.
func (o *open) of(all []seconds.Second, now time.Time) []*point {
	var points []*point
	for _, second := range all {
		more := opened(second)
		o.connections += more
		o.any = o.any || more != 0
		// Late samples of an earlier second replace the last report: no other may
		// follow.
		o.last = max(o.last, second.Unix)
		if o.any {
			points = append(points, o.at(o.last))
		}
	}
	if passed := now.Unix() - 1; o.any && passed > o.last {
		o.last = passed
		points = append(points, o.at(passed))
	}
	return points
}

func (o *open) at(unix int64) *point {
	return &point{
		measurement: openMeasurement, tags: o.identity.tags(), at: time.Unix(unix, 0),
		fields: map[string]any{"connections": o.connections},
	}
}

// opened is how many more connections were opened than ended in a second.
func opened(second seconds.Second) (more float64) {
	for series, cell := range second.Cells {
		switch series.Metric.Name {
		case "ws_sessions_opened":
			more += cell.Sum
		case "ws_sessions_closed":
			more -= cell.Sum
		}
	}
	return more
}

package influxdb

import (
	"cmp"
	"slices"
	"time"

	"xk6-realtime/seconds"
)

const eventMeasurement = "realtime_event"

// Tags of what was measured at one size of a load that grows (lib/steps.ts).
const (
	stepTag    = "step"
	stepsOfTag = "steps_of"
)

// events are what dashboards mark on the axis of time.
type events struct {
	identity identity
	seen     []string // steps
}

func (e *events) at(at time.Time, text string) *point {
	return &point{
		measurement: eventMeasurement, tags: e.identity.tags(), at: at,
		fields: map[string]any{"text": text, "title": lineText(e.identity.run)},
	}
}

// of is the step that began in a second.
func (e *events) of(second seconds.Second) []*point {
	var points []*point
	for _, series := range second.InOrder() {
		step := series.Tags[stepTag]
		if step == "" || slices.Contains(e.seen, step) {
			continue
		}
		e.seen = append(e.seen, step)
		at := time.Unix(second.Unix, int64(len(e.seen))) // several may begin in one second
		points = append(points, e.at(at, step+" "+cmp.Or(series.Tags[stepsOfTag], stepTag)))
	}
	return points
}

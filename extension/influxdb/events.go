package influxdb

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"xk6-realtime/seconds"
)

const eventMeasurement = "realtime_event"

// Tags of samples from one size of a load that grows (lib/steps.ts).
const (
	stepTag    = "step"
	stepsOfTag = "steps_of"
)

// faults are the counters of faults, each with its words on the axis of time.
var faults = [...]struct{ metric, words string }{
	{"ws_connect_failures", "connections could not be opened"},
	{"ws_connection_drops", "connections dropped"},
	{"ws_messages_lost", "messages lost"},
}

const (
	// calm is after how many seconds without a fault of a kind the next one is
	// marked again.
	calm = 10
	// mostMarks bounds how often each kind of fault is marked.
	mostMarks = 50
)

// outbreak is the state of one kind of fault.
type outbreak struct {
	last  int64 // the second of the last one
	marks int
}

// events are what dashboards mark on the axis of time.
type events struct {
	identity  identity
	seen      []string // steps
	outbreaks [len(faults)]outbreak
}

func (e *events) at(at time.Time, text string) *point {
	return &point{
		measurement: eventMeasurement, tags: e.identity.tags(), at: at,
		fields: map[string]any{"text": text, "title": lineText(e.identity.run)},
	}
}

// of is what began in a second: steps, and faults of a kind that there were none
// of for a while.
func (e *events) of(second seconds.Second) []*point {
	return append(e.steps(second), e.faults(second)...)
}

func (e *events) faults(second seconds.Second) (points []*point) {
	var counts [len(faults)]float64
	for series, cell := range second.Cells {
		for i := range faults {
			if series.Metric.Name == faults[i].metric {
				counts[i] += cell.Sum
			}
		}
	}
	for i, count := range counts {
		if count <= 0 {
			continue
		}
		o := &e.outbreaks[i]
		isNew := o.marks == 0 || second.Unix > o.last+calm
		o.last = max(o.last, second.Unix)
		if !isNew || o.marks == mostMarks {
			continue
		}
		o.marks++
		at := time.Unix(second.Unix, int64(time.Microsecond)*int64(i+1)) // beside what else is marked in the second
		points = append(points, e.at(at, fmt.Sprintf("%.0f %s", count, faults[i].words)))
	}
	return points
}

func (e *events) steps(second seconds.Second) []*point {
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

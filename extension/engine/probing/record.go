package probing

import (
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/tally"
)

// Counts is what happened over some time. Each reply that a probe expects ends
// as one of InTime, TimedOut, Cut, Missed or Refused, unless the run is stopped
// before.
type Counts struct {
	Probes     int64 // that fell due
	InTime     int64
	TimedOut   int64 // had not come by the time-out
	Cut        int64 // still in time to come when the connection ended
	Missed     int64 // its probe fell due while there was no session
	Refused    int64 // an error came instead
	Late       int64 // of TimedOut: came after all
	Lost       int64 // of TimedOut, Cut and Missed: never came
	Duplicated int64
	Errors     int64                         // error messages of the server
	Invalid    [protocol.MessageFaults]int64 // messages that break the protocol, by protocol.Fault
	Deliveries int64
	Sessions   int64            // that could not be had
	Reconnects int64            // sessions that were had again, or after a failed attempt
	Unsent     int64            // probes that could not be written
	Untaken    protocol.Untaken // probes by HTTP
}

// Series is one distribution of times that a Run keeps.
type Series int

// The series of every Run. After them come, for each reply, response and
// service time.
const (
	SendDelay     Series = iota // due time to written: the generator's own
	ReconnectTime               // from the drop, or first failure, to the session
	ofReplies
)

// RTT is a probe's due time to its reply of that index. A reply that timed out, was cut or missed
// counts with the timeout.
func RTT(reply int) Series { return ofReplies + Series(2*reply) }

// Service is a probe's writing to its reply of that index, if that came in
// time: it has as many values as there were such replies.
func Service(reply int) Series { return ofReplies + Series(2*reply+1) }

// record is what one loop writes, until the reader takes it away.
type record struct {
	Counts
	series hist.Set[Series]
}

func newRecord(p *protocol.Protocol) *record {
	return &record{series: hist.NewSet(RTT(len(p.Replies)))}
}

// moveTo adds all to another record and leaves r empty.
func (r *record) moveTo(to *record) {
	tally.Add(&to.Counts, &r.Counts)
	r.Counts = Counts{}
	r.series.MoveTo(to.series)
}

// Window is what happened between two snapshots. A series is nil without
// values.
type Window struct {
	Counts
	Series []*hist.Distribution
}

// Snapshot takes what has happened since the last one. The loops go on
// meanwhile. From one goroutine, not a loop's.
func (r *Run) Snapshot() *Window {
	for _, l := range r.loops {
		var written *record
		l.loop.Look(func() {
			l.missUntil(clock.Now())
			written = l.records.Swap()
		})
		written.moveTo(r.window)
	}
	w := &Window{Counts: r.window.Counts, Series: r.window.series.Take()}
	r.window.Counts = Counts{}
	return w
}

package fanout

import (
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/tally"
)

// Series is one distribution of times that a Run keeps.
type Series int

// The series of every Run.
const (
	Lag       Series = iota // due time of a publication, or the server's stamp where nobody publishes here, to its arrival at one subscriber
	ServerLag               // the server's own stamp to that arrival, on one clock
	Spread                  // due time to the arrival at the last subscriber
	SendDelay               // due time to written: the generator's own
	numSeries
)

// Counts is what happened over some time.
type Counts struct {
	Published  int64
	Deliveries int64 // that came, in time or late, each once
	InTime     int64 // of those that were due; where nobody publishes here, those that others of the room heard too
	Late       int64 // after the time-out
	Lost       int64 // were due and never came
	Duplicated int64
	Reordered  int64            // after a later one of the same publisher here
	Foreign    int64            // of other processes, or of nobody
	Unsent     int64            // publications that fell due without a connection to send them
	Untaken    protocol.Untaken // publications by HTTP
	Sessions   int64            // that could not be had
	Errors     int64            // error messages of the server
	Invalid    int64            // messages that break the protocol
	TooMany    int64            // messages with a longer list than is read
	// PiecesLimit is how many messages in pieces were longer than is kept, or
	// came after such a one.
	PiecesLimit int64
	// ClockDiffers is how many stamps cannot be, by this machine's clock.
	ClockDiffers int64
	// Joining deliveries came so soon after their subscriber that they may be history: their age
	// is not lag.
	Joining int64
	// Unstamped deliveries lack the usable time stamp that the protocol says they
	// have, where nothing else tells when they were published.
	Unstamped int64
	// Coarse is how many time stamps were taken for no lag, by resolution: they
	// tell the time no better than that.
	Coarse [fine]int64
	// Forgotten publications were so many at once that their spread, or who
	// missed them, is unknown.
	Forgotten int64
	// Undecided deliveries came so long after their publication that it is
	// unknown whether they had come before.
	Undecided int64
}

// record is what one loop writes, until the reader takes it away.
type record struct {
	Counts
	series hist.Set[Series]
}

func newRecord() *record { return &record{series: hist.NewSet(numSeries)} }

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
	Series []*hist.Distribution // by Series
}

// Snapshot takes what has happened since the last one. The loops go on
// meanwhile. From one goroutine, not a loop's.
func (r *Run) Snapshot() *Window {
	for _, l := range r.loops {
		var written *record
		l.loop.Look(func() {
			l.tellCoarse()
			written = l.records.Swap()
			for i, spreads := range r.spreads {
				spreads.Take(l.arrivals[i])
			}
		})
		written.moveTo(r.window)
	}
	now := clock.Now()
	if r.compares() {
		for _, room := range r.rooms {
			r.window.Forgotten += room.Forgotten(now, r.o.Timeout)
		}
	}
	for _, spreads := range r.spreads {
		r.window.Forgotten += int64(spreads.Settle(now, func(d time.Duration) { r.window.series.Of(Spread).Record(d) }))
	}
	w := &Window{Counts: r.window.Counts, Series: r.window.series.Take()}
	r.window.Counts = Counts{}
	return w
}

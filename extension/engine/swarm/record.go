package swarm

import (
	"xk6-realtime/engine"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/tally"
)

// Series is one distribution of times that a Swarm keeps.
type Series int

// The series of every Swarm.
const (
	ConnectLatency Series = iota // intended start to the 101
	ConnectDelay                 // intended to actual start: the generator's own
	ResolvePhase                 // of connections to a host name
	TCPPhase
	ProxyPhase    // of connections through a proxy
	TLSPhase      // of wss connections
	SettingsPhase // of HTTP/2 connections
	UpgradePhase
	ReceiveDelay // kernel arrival, the earliest that it can have been, to read: the generator's own
	SessionTime  // the 101 to the end
	LoginDelay   // a login's due time to its beginning: the generator's own

	// Of event streams; see engine.StreamMeter.
	FirstByte
	FirstEvent
	EventGap
	LongestStall
	numSeries
)

// Counts is what happened over some time.
type Counts struct {
	Attempts int64 // connections begun, retries too
	Opened   int64
	Closed   int64 // of those opened, whichever way
	// Compressed is how many of the opened connections agreed on compression.
	Compressed int64
	// TCPConnections is how many there came to be. Streams of HTTP/2 share one.
	TCPConnections int64
	Retries        int64
	Failures       map[engine.Reason]int64
	Drops          map[Drop]int64
	// Unanswered is how many peers did not answer our Close in time.
	Unanswered int64
	// Breaches is how often peers broke the WebSocket protocol, by reason.
	Breaches map[string]int64

	MessagesSent     int64
	MessagesReceived int64
	// Uncertain is how many of the received messages were read together with later ones, and may
	// have come more than a millisecond before these.
	Uncertain     int64
	BytesSent     int64
	BytesReceived int64
	// MessageBytesSent and MessageBytesReceived are those of the messages, without
	// compression and framing.
	MessageBytesSent     int64
	MessageBytesReceived int64
	// WireBytesSent and WireBytesReceived are those of the same as they come and
	// go, without handshake and TLS.
	WireBytesSent     int64
	WireBytesReceived int64
	// Streams is what came on event streams.
	Streams engine.StreamCounts
}

// Drop is a way in which a connection ended that was meant to stay.
type Drop struct {
	Code uint16
	By   engine.By
}

func newCounts() Counts {
	return Counts{
		Failures: make(map[engine.Reason]int64),
		Drops:    make(map[Drop]int64),
		Breaches: make(map[string]int64),
	}
}

// record is what one loop writes, without lock or allocation, until the reader
// takes it away and leaves an empty one in its place.
type record struct {
	Counts
	series hist.Set[Series]
}

func newRecord() *record {
	return &record{Counts: newCounts(), series: hist.NewSet(numSeries)}
}

// moveTo adds all to another record and leaves r empty.
func (r *record) moveTo(to *record) {
	tally.Add(&to.Counts, &r.Counts)
	clear(r.Failures)
	clear(r.Drops)
	clear(r.Breaches)
	r.Counts = Counts{Failures: r.Failures, Drops: r.Drops, Breaches: r.Breaches}
	r.series.MoveTo(to.series)
}

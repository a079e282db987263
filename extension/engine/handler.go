package engine

import (
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/wire"
)

// What wires and the users of connections have in common.
type (
	// Message is one message as it came in.
	Message = wire.Message
	// Kind is the kind of a message.
	Kind = wire.Kind
	// End is how an open connection ended.
	End = wire.End
	// By says who ended an open connection.
	By = wire.By
)

// The kinds of messages.
const (
	Text   = wire.Text
	Binary = wire.Binary
	Ping   = wire.Ping
	Pong   = wire.Pong
)

// Who can end a connection.
const (
	ByClient    = wire.ByClient
	ByServer    = wire.ByServer
	ByNetwork   = wire.ByNetwork
	ByTimeout   = wire.ByTimeout
	ByGenerator = wire.ByGenerator
)

// Handler hears what a connection does, on its loop's goroutine. It hears
// Failed once and nothing else, or Opened and at the end Closed once.
type Handler interface {
	// Opened: the handshake is complete. o is good during the call.
	Opened(c *Conn, o *Opening)
	// Failed: the connection was never opened. o says how far it came.
	Failed(c *Conn, o *Opening, f Failure)
	Receiver
	// Alarm: the instant given to SetAlarm has come.
	Alarm(c *Conn, now clock.Time)
	// Closed: the connection is over.
	Closed(c *Conn, e End)
}

// Receiver hears what comes in on an open connection.
type Receiver interface {
	// Message: a message came, or a Ping (already answered, if at all) or a Pong. Its
	// data is good during the call.
	Message(c *Conn, m Message)
}

// Opening is a connection's way to the 101, as instants. One that was not
// reached is 0.
type Opening struct {
	Due       clock.Time // intended start
	Began     clock.Time // actual start
	Resolved  clock.Time // the address is known
	Connected clock.Time // TCP
	Tunnelled clock.Time // a proxy's tunnel stands; 0 without a proxy
	Secured   clock.Time // TLS; 0 without it
	Settings  clock.Time // HTTP/2: the server's SETTINGS came; 0 of other connections
	Asked     clock.Time // HTTP/2: the request was written; 0 where it follows at once
	FirstByte clock.Time // of an event stream's answer; 0 of WebSocket
	Opened    clock.Time // arrival of the 101, of HTTP/2's 200, or of the head of an event stream
	// Protocol is the subprotocol that the server chose.
	Protocol string
	// Deflate is how messages are compressed, nil for not at all.
	Deflate *deflate.Params
}

// Late is what this side added before the connection began.
func (o *Opening) Late() time.Duration { return o.Began.Sub(o.Due) }

// Resolve is the time the look-up took.
func (o *Opening) Resolve() time.Duration { return o.Resolved.Sub(o.Began) }

// TCP is the time the TCP connection took, to a proxy where there is one.
func (o *Opening) TCP() time.Duration { return o.Connected.Sub(o.Resolved) }

// TLS is the time the TLS handshake took.
func (o *Opening) TLS() time.Duration {
	if o.Secured == 0 {
		return 0
	}
	return o.Secured.Sub(max(o.Connected, o.Tunnelled))
}

// Proxy is the time a proxy took to open its tunnel.
func (o *Opening) Proxy() time.Duration {
	if o.Tunnelled == 0 {
		return 0
	}
	return o.Tunnelled.Sub(o.Connected)
}

// Upgrade is the time from the request to the arrival of the 101.
func (o *Opening) Upgrade() time.Duration {
	return o.Opened.Sub(max(o.Connected, o.Tunnelled, o.Secured, o.Asked))
}

// AwaitSettings is the time that the server of a new HTTP/2 connection took to say
// what it can do.
func (o *Opening) AwaitSettings() time.Duration {
	if o.Settings == 0 {
		return 0
	}
	return o.Settings.Sub(max(o.Connected, o.Tunnelled, o.Secured))
}

// OpenedTCP tells whether a TCP connection was opened for this one. A stream of
// HTTP/2 that joins others has none of the phases before its own.
func (o *Opening) OpenedTCP() bool { return o.Connected != 0 }

// Latency is intended start to the 101: what a user waits.
func (o *Opening) Latency() time.Duration { return o.Opened.Sub(o.Due) }

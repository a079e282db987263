package engine

import (
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/websocket"
)

type state uint8

const (
	resolving  state = iota
	connecting       // TCP
	tunnelling       // CONNECT sent to a proxy
	securing         // TLS
	joining          // a connection of HTTP/2 that is not ready yet
	greeting         // the wire's handshake: request and answer
	up               // open, or closing by the wire's rules
	halfClosed       // all is said, and the handler has heard the end: the peer's FIN is awaited
	dead
)

// Conn is one connection that delivers messages. Below its wire it is a TCP
// connection, with TLS or without. All that it needs only until it is open is in
// opening, so that one at rest stays small.
type Conn struct {
	// What a message needs, in 64 bytes: where thousands of connections take
	// turns, each line of memory has gone from the cache in between.
	loop     *Loop
	receiver Receiver
	traffic  *Traffic
	socket   websocket.Socket
	slot     int32 // in loop.conns
	state    state
	full     bool // unsent waits for room in the kernel
	between  bool // there is secure, throttle or lane
	wire     wireKind

	stream   *stream   // nil of other wires
	carrier  *carrier  // likewise: what carries streams of HTTP/2
	lane     *lane     // such a stream in place of a socket, or nil
	secure   *secure   // nil without TLS
	throttle *throttle // nil for a reader at full speed
	handler  Handler
	unsent   []byte   // what the kernel has not taken yet
	opening  *opening // nil once open

	// unreadSince bounds the arrival of what a socket still holds that was not
	// read to its end; the poller knows whether there is such.
	unreadSince clock.Time

	deadlineAt int32 // place in loop.deadlines, plus one
	alarmAt    int32 // places in loop.timers, plus one
	paceAt     int32

	paused bool
	gone   bool // the peer's FIN came, and our last bytes are still to be sent
}

// Traffic is what came and went on the connections that share it. It belongs to
// one loop.
type Traffic struct {
	Sent, Received int64 // bytes, TLS included
	Messages       int64 // that came, without Pings and Pongs
	MessagesSent   int64 // likewise, that this side went to the kernel with
	// MessageBytes and MessageBytesSent are the bytes of these messages, as they
	// are without compression and framing.
	MessageBytes, MessageBytesSent int64
	// WireBytes and WireBytesSent are those of the same as they come and go:
	// compressed and framed, without handshake and TLS.
	WireBytes, WireBytesSent int64
	// Uncertain is how many of them were read together with later ones, and
	// may have come more than a millisecond before these.
	Uncertain int64
	// ReceiveDelay, if given, keeps how long after a message's arrival, the
	// earliest that it can have been, it was read.
	ReceiveDelay *hist.Histogram
	// Streams, if given, keeps what event streams are measured by beside.
	Streams *StreamMeter
}

// received counts a message whose payload has so many bytes.
func (t *Traffic) received(m *Message, bytes int) {
	if m.Kind.IsData() {
		t.Messages++
		t.MessageBytes += int64(bytes)
		if m.At.Sub(m.Since) > CertainWithin {
			t.Uncertain++
		}
	}
	if t.ReceiveDelay != nil {
		t.ReceiveDelay.Record(m.Read.Sub(m.Since))
	}
}

const (
	deadlineTimer uint8 = iota // bounds the present phase
	alarmTimer                 // the handler's
	paceTimer                  // a throttled reader's next turn
)

func (c *Conn) place(kind uint8) *int32 {
	switch kind {
	case deadlineTimer:
		return &c.deadlineAt
	case alarmTimer:
		return &c.alarmAt
	}
	return &c.paceAt
}

func (c *Conn) due(kind uint8, now clock.Time) {
	switch kind {
	case deadlineTimer:
		c.late()
	case alarmTimer:
		c.handler.Alarm(c, now)
	case paceTimer:
		c.pace(now)
	}
}

// Loop is the loop that the connection belongs to.
func (c *Conn) Loop() *Loop { return c.loop }

// Open tells whether messages come, and can be sent where the wire has that.
func (c *Conn) Open() bool { return c.state == up && c.wireOpen() }

// AwaitsProxy tells whether a proxy has not opened the way yet.
func (c *Conn) AwaitsProxy() bool {
	if c.state == joining {
		return c.lane.carrier != nil && c.lane.carrier.conn.AwaitsProxy()
	}
	return c.state <= tunnelling && c.opening.proxy != nil
}

// setBetween is called when one of them came or went.
func (c *Conn) setBetween() {
	c.between = c.secure != nil || c.throttle != nil || c.lane != nil
}

// SetAlarm makes the handler's Alarm be called at the instant given, instead
// of any earlier set one.
func (c *Conn) SetAlarm(at clock.Time) {
	if c.state < halfClosed {
		c.loop.timers.set(c, alarmTimer, at)
	}
}

// StopAlarm makes it not be called.
func (c *Conn) StopAlarm() { c.loop.timers.stop(c, alarmTimer) }

func (c *Conn) setDeadline(d time.Duration) {
	c.loop.deadlines.set(c, deadlineTimer, until(d))
}

func (c *Conn) stopDeadline() { c.loop.deadlines.stop(c, deadlineTimer) }

// overdue tells whether what arrived at an instant came too late for the
// present phase.
func (c *Conn) overdue(arrived clock.Time) bool {
	deadline := c.loop.deadlines.at(c.deadlineAt)
	return deadline != 0 && arrived > deadline
}

// late is called when the present phase has taken too long: all that arrived in
// time was handled.
func (c *Conn) late() {
	switch c.state {
	case resolving:
		c.fail(ReasonTimeoutResolve, nil)
	case connecting:
		c.unconnected(ReasonTimeoutTCP, nil)
	case tunnelling:
		c.fail(ReasonProxyTimeout, nil)
	case securing:
		if c.secure.isBusy() {
			const soon = 10 * time.Millisecond
			c.setDeadline(soon)
			return
		}
		c.fail(ReasonTimeoutTLS, nil)
	case greeting:
		c.fail(ReasonTimeoutUpgrade, nil)
	case up:
		c.wireLate()
	case halfClosed:
		c.free(true)
	}
}

// Handler is what hears of the connection.
func (c *Conn) Handler() Handler { return c.handler }

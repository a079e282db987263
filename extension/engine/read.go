package engine

import (
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/wire"
)

// received is called by the poller with bytes as they came, which are good during the call. If
// more bytes may have been there to be read after them, more is true: then a.At is only the
// latest time at which their last can have come.
func (l *Loop) received(c *Conn, b []byte, more bool, a wire.Arrival) {
	if c.traffic != nil {
		c.traffic.Received += int64(len(b))
	}
	if c.between && c.secure != nil {
		c.secure.received(b, more, a)
		return
	}
	c.takeBytes(b, more, a)
}

// takeBytes takes bytes after TLS. more is as in received.
func (c *Conn) takeBytes(b []byte, more bool, a wire.Arrival) {
	if c.state < up {
		if b = c.takeEarly(b, more, a); len(b) == 0 {
			return
		}
	}
	if c.wire != webSocket {
		c.takeOther(b, more, a)
		return
	}
	for c.state == up && c.socket.Reads() {
		m, n := c.socket.Next((*link)(c), c.loop.sockets, b, more, a)
		if c.traffic != nil {
			c.traffic.WireBytes += int64(n - c.bytesOfNoMessage(&m, n))
		}
		if m.Kind == wire.None {
			return
		}
		if b = b[n:]; len(b) > 0 || more {
			c.loop.boundUsed = true
		}
		if c.traffic != nil {
			c.traffic.received(&m, len(m.Data))
		}
		c.receiver.Message(c, m)
	}
}

// takeOther is takeBytes for wires other than a WebSocket on a connection of its own.
func (c *Conn) takeOther(b []byte, more bool, a wire.Arrival) {
	if c.wire == eventStream {
		c.takeEvents(b, more, a)
	} else {
		c.carrier.received(b, more, a)
	}
}

// takeEarly takes bytes that came before the connection was open, and returns the ones that are
// messages already.
func (c *Conn) takeEarly(b []byte, more bool, a wire.Arrival) (rest []byte) {
	earliest := a.At
	if more {
		earliest = a.Since
	}
	if c.overdue(earliest) {
		c.late()
		return nil
	}
	if c.state == tunnelling {
		if b = c.tunnelled(b, a.At); len(b) == 0 {
			return nil
		}
		if c.secure != nil {
			c.secure.received(b, more, a)
			return nil
		}
	}
	if c.wire == streams {
		return b
	}
	return c.greeted(b, more, a)
}

// AnswerPings sets whether Pings are answered, as they are by default and must
// be (RFC 6455 section 5.5.2): a peer that does not read answers none.
func (c *Conn) AnswerPings(on bool) { c.socket.AnswerPings(on) }

// Settled is an instant up to which all messages that arrived on the connection were handed out.
// A message with a timeout before it that was not handed out has not come in time. Later bytes
// may lie in the kernel that the loop has not come round to. Bytes that a pause or a read rate
// leaves there count as not come.
func (c *Conn) Settled() clock.Time {
	if c.lane != nil && c.lane.carrier != nil {
		return c.loop.poll.settled(c.lane.carrier.conn)
	}
	return c.loop.poll.settled(c)
}

// Pause stops reading from the socket, so that the peer's window closes. Messages that were read
// already are still handed out.
func (c *Conn) Pause() {
	if !c.paused && c.state <= up {
		c.paused = true
		c.read(false)
	}
}

// Resume reads again.
func (c *Conn) Resume() {
	if c.paused && c.state <= up {
		c.paused = false
		c.read(true)
	}
}

// read turns reading on or off.
func (c *Conn) read(on bool) {
	if c.lane != nil {
		c.lane.read(on)
		return
	}
	c.loop.poll.read(c, on)
}

// Unread is how many received bytes wait for this side to read, in the kernel or
// in a stream of HTTP/2, or -1 where the platform does not tell.
func (c *Conn) Unread() int {
	if c.state >= dead {
		return -1
	}
	if c.lane != nil {
		return len(c.lane.kept.bytes)
	}
	return c.loop.poll.unread(c)
}

// bytesOfNoMessage is how many of n bytes, of which m was taken, are those of a
// Ping, a Pong or the end. The others are a message's, or part of one.
func (c *Conn) bytesOfNoMessage(m *Message, n int) int {
	switch {
	case m.Kind == wire.None && !c.socket.Reads():
		return n
	case m.Kind == Ping || m.Kind == Pong:
		return c.socket.ControlBytes(len(m.Data))
	}
	return 0
}

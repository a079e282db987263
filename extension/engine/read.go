package engine

import (
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

// received is called by the poller with bytes as they came, which are good
// during the call. more says that others may have been there to be read with
// them, after them: then a.at is only the latest that their last can have come.
func (l *Loop) received(c *Conn, b []byte, more bool, a arrival) {
	if c.traffic != nil {
		c.traffic.Received += int64(len(b))
	}
	if c.secure != nil {
		c.secure.received(b, more, a)
		return
	}
	c.takeBytes(b, more, a)
}

// takeBytes takes bytes of the WebSocket protocol, after TLS. more is as in
// received.
func (c *Conn) takeBytes(b []byte, more bool, a arrival) {
	if c.state == tunnelling || c.state == upgrading {
		earliest := a.at
		if more {
			earliest = a.since
		}
		if c.overdue(earliest) {
			c.late()
			return
		}
	}
	if c.state == tunnelling {
		if b = c.tunnelled(b, a.at); len(b) == 0 {
			return
		}
		if c.secure != nil {
			c.secure.received(b, more, a)
			return
		}
	}
	if c.state == upgrading {
		if b = c.answered(b, a.at); len(b) == 0 {
			return
		}
	}
	parser := c.loop.parserOf(c)
	for c.state == open || c.state == closing {
		m, n, err := parser.Next(&c.frames, b)
		if err != nil {
			c.refuse(err.(*frame.Error))
			return
		}
		b = b[n:]
		if m.Op == 0 {
			return
		}
		since := a.at
		if len(b) > 0 || more {
			since = a.since
			c.loop.boundUsed = true
		}
		c.take(Message{Message: m, Since: since, At: a.at, Read: a.read})
	}
}

func (c *Conn) take(m Message) {
	switch m.Op {
	case frame.Close:
		code, text, err := frame.ParseClose(m.Data)
		if err != nil {
			c.refuse(err.(*frame.Error))
			return
		}
		if c.state == closing && c.overdue(m.Since) {
			c.late()
			return
		}
		c.peerClosed(code, text)
		return
	case frame.Ping:
		if c.state == open && !c.mute {
			c.Send(frame.Pong, m.Data)
		}
	}
	if c.state == open || c.state == closing {
		if c.traffic != nil {
			c.traffic.received(&m)
		}
		c.receiver.Message(c, m)
	}
}

// AnswerPings sets whether Pings are answered, as they are by default and must
// be (section 5.5.2): a peer that does not read answers none.
func (c *Conn) AnswerPings(on bool) { c.mute = !on }

// Settled is an instant up to which all that arrived on the connection was handed
// out: what has not come by a time-out before it has not come in time. After it,
// something may lie in the kernel that the loop has not come round to. What a
// pause or a read rate leaves there counts as not come.
func (c *Conn) Settled() clock.Time { return c.loop.poll.settled(c) }

// Pause stops reading from the socket, so that the peer's window closes. What
// was read already is still handed out.
func (c *Conn) Pause() {
	if !c.paused && c.state <= ending {
		c.paused = true
		c.loop.poll.read(c, false)
	}
}

// Resume reads again.
func (c *Conn) Resume() {
	if c.paused && c.state <= ending {
		c.paused = false
		c.loop.poll.read(c, true)
	}
}

// Unread is how many received bytes wait in the kernel for this side to read,
// or -1 where the platform does not tell.
func (c *Conn) Unread() int {
	if c.state >= dead {
		return -1
	}
	return c.loop.poll.unread(c)
}

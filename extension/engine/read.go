package engine

import (
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

// arrival is when bytes came that were read at once: the last of them at at,
// the others not before since.
type arrival struct{ since, at, read clock.Time }

// received is called by the poller with bytes as they came, which are good
// during the call.
func (l *Loop) received(c *Conn, b []byte, a arrival) {
	if c.traffic != nil {
		c.traffic.Received += int64(len(b))
	}
	if c.secure != nil {
		c.secure.received(b, a)
		return
	}
	c.takeBytes(b, false, a)
}

// takeBytes takes bytes of the WebSocket protocol, after TLS. more says that
// others were read with them, after them.
func (c *Conn) takeBytes(b []byte, more bool, a arrival) {
	if c.state == tunnelling {
		if b = c.tunnelled(b, a.at); len(b) == 0 {
			return
		}
		if c.secure != nil {
			c.secure.received(b, a)
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
		since := a.since
		if len(b) == 0 && !more {
			since = a.at
		}
		c.take(Message{m, a.at, since, a.read})
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

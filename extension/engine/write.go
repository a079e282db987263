package engine

import (
	"errors"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/websocket"
)

// Errors of Send and its kin.
var (
	// ErrNotOpen: the connection is not open, or no longer.
	ErrNotOpen = errors.New("engine: the connection is not open")
	// ErrOneWay: its wire has messages from the peer alone, as event streams.
	ErrOneWay = errors.New("engine: the connection is an event stream, on which nothing can be sent")
	// ErrUnsent: the peer does not read, and Options.UnsentBytes are waiting, or
	// Options.AllUnsentBytes for all such peers together.
	ErrUnsent = errors.New("engine: the peer does not read, and the limit of unsent bytes is reached")
)

// Send sends one message, or a Ping or Pong. written is when this side went to the kernel with
// it, room there or not: later delays are not its doing.
func (c *Conn) Send(kind Kind, payload []byte) (written clock.Time, err error) {
	if err := c.room(len(payload)); err != nil {
		return 0, err
	}
	frame := c.loop.sockets.Message(&c.socket, kind, payload)
	written, err = c.writeNow(frame)
	if kind.IsData() {
		c.countSent(len(payload), len(frame), err)
	}
	return written, err
}

// SendPrepared is Send of a message that is made once for many connections.
func (c *Conn) SendPrepared(p *websocket.Prepared) (written clock.Time, err error) {
	bytes := len(p.Payload())
	if err := c.room(bytes); err != nil {
		return 0, err
	}
	frame := c.loop.sockets.Prepared(&c.socket, p)
	written, err = c.writeNow(frame)
	c.countSent(bytes, len(frame), err)
	return written, err
}

// countSent counts a message of so many bytes that went out as a frame.
func (c *Conn) countSent(bytes, frame int, err error) {
	if err == nil && c.traffic != nil {
		c.traffic.MessagesSent++
		c.traffic.MessageBytesSent += int64(bytes)
		c.traffic.WireBytesSent += int64(frame)
	}
}

// SendMessage is Send of a text or a binary message.
func (c *Conn) SendMessage(payload []byte, binary bool) (written clock.Time, err error) {
	if binary {
		return c.Send(Binary, payload)
	}
	return c.Send(Text, payload)
}

// SendRaw sends bytes as they are, past the wire: frames made elsewhere, or
// malformed ones.
func (c *Conn) SendRaw(b []byte) (written clock.Time, err error) {
	if err := c.room(len(b)); err != nil {
		return 0, err
	}
	return c.writeNow(b)
}

// room tells why so many bytes cannot be sent now. It is asked before a message
// is compressed: what the peer does not get, later ones must not refer to.
func (c *Conn) room(bytes int) error {
	switch {
	case c.wire == eventStream:
		return ErrOneWay
	case !c.Open():
		return ErrNotOpen
	}
	if l := c.loop; len(c.unsent) >= l.options.UnsentBytes ||
		len(c.unsent) > 0 && l.unsent+bytes > l.options.AllUnsentBytes {
		return ErrUnsent
	}
	return nil
}

func (c *Conn) writeNow(b []byte) (written clock.Time, err error) {
	// Before the write: read after it, the clock of a thread that lost its
	// processor in between could show a time after the reply's arrival.
	written = clock.Now()
	return written, c.write(b)
}

// write sends bytes of the wire, before TLS.
func (c *Conn) write(b []byte) error {
	if c.secure != nil {
		return c.secure.send(b)
	}
	return c.writeWire(b)
}

// writeWire sends bytes as they go on the wire, now or when there is room.
func (c *Conn) writeWire(b []byte) error {
	if len(c.unsent) == 0 {
		n, err := c.hand(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	if len(b) > 0 {
		c.keepUnsent(b)
	}
	return nil
}

// keepUnsent has bytes wait for room.
func (c *Conn) keepUnsent(b []byte) {
	c.unsent = append(c.unsent, b...)
	c.loop.unsent += len(b)
	c.full = true
}

// hand hands bytes to the kernel, or to the stream of HTTP/2, whose connection
// counts them.
func (c *Conn) hand(b []byte) (n int, err error) {
	if c.between && c.lane != nil {
		return c.lane.write(b), nil
	}
	n, err = c.loop.poll.write(c, b)
	if c.traffic != nil {
		c.traffic.Sent += int64(n)
	}
	return n, err
}

// shut sends a FIN after what was written, and goes on reading.
func (c *Conn) shut() {
	if c.lane != nil {
		c.lane.shut()
		return
	}
	c.loop.poll.shut(c)
}

// writable is called by the poller when there is room again.
func (l *Loop) writable(c *Conn) {
	if !c.full {
		return
	}
	n, err := c.hand(c.unsent)
	if err != nil {
		l.broken(c, err)
		return
	}
	l.unsent -= n
	if c.unsent = c.unsent[n:]; len(c.unsent) == 0 {
		c.unsent, c.full = nil, false
		switch {
		case c.state == halfClosed:
			c.shut()
			if c.gone {
				c.free(false)
			}
		case c.wire == streams:
			c.carrier.writable()
		case c.wire == eventStream && c.lane != nil:
			c.shut() // the request's body was all
		}
	}
}

// Unsent is how many bytes wait in the engine for the peer to read.
func (c *Conn) Unsent() int { return len(c.unsent) }

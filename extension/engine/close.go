package engine

import (
	"io"
	"time"

	"xk6-realtime/engine/clock"
)

// Close ends the connection as its wire has it, or gives up one that is not open
// yet. The handler hears the end within Timeouts.Close, whatever the peer does.
func (c *Conn) Close() {
	const normal = 1000 // RFC 6455 section 7.4.1
	c.CloseWith(normal, "")
}

// CloseWith is Close with a code and reason of WebSocket (RFC 6455 section 7.1.2). code goes out
// unchanged, except 1005, which sends a Close frame without a code. The first 123 bytes of reason
// are sent.
func (c *Conn) CloseWith(code uint16, reason string) {
	switch {
	case c.state < up:
		c.fail(ReasonAborted, nil)
	case c.state == up:
		c.wireClose(code, reason)
	}
}

// Reset ends the connection at once with a TCP RST.
func (c *Conn) Reset() {
	switch {
	case c.state < up:
		c.fail(ReasonAborted, nil)
	case c.state < dead:
		c.wireAbandon()
		c.finish(true)
	}
}

// broken is called by the poller when the TCP connection ended: io.EOF for the
// peer's FIN, or what the kernel said.
func (l *Loop) broken(c *Conn, err error) {
	switch {
	case c.state == dead:
	case c.wire == streams && c.state == up:
		c.carrier.broken(err)
	case c.state == securing:
		// The TLS handshake may have failed already, which is why the peer
		// went: it knows the better reason.
		l.poll.read(c, false)
		c.secure.cut(err)
	case c.state < up:
		if err == io.EOF {
			c.fail(ReasonClosed, nil)
			return
		}
		if c.secure != nil {
			// TLS 1.3 lets the peer refuse our certificate as late as here.
			c.fail(tlsReason(err), err)
			return
		}
		c.fail(errnoReason(err), err)
	case c.state == halfClosed && err == io.EOF && len(c.unsent) > 0:
		c.gone = true // but it may still read
	case c.state == halfClosed:
		c.free(false)
	case errnoReason(err) == ReasonNoMemory:
		c.wireEnded(ByGenerator, false)
	default:
		c.wireEnded(ByNetwork, err == io.EOF)
	}
}

// finish frees an open connection and tells its handler.
func (c *Conn) finish(reset bool) {
	if c.state == dead {
		return
	}
	told := c.state == halfClosed
	if times := c.streamTimes(); c.wire == eventStream && times != nil {
		c.stream.ended(times, clock.Now())
	}
	if c.secure != nil && !reset {
		c.secure.goodbye()
	}
	c.free(reset)
	if !told {
		c.handler.Closed(c, c.end())
	}
}

func (c *Conn) end() End {
	e := c.wireEnd()
	e.At = clock.Now()
	return e
}

// closeWrite sends a FIN behind all that is still to be sent, and waits for the
// peer's, for as long as a close may take. See wire.Link.
func (c *Conn) closeWrite() {
	c.awaitEnd(c.loop.options.Timeouts.Close)
	if len(c.unsent) == 0 {
		c.shut()
	}
}

// lingers is how long a client leaves it to the server to end a stream of HTTP/2
// on which both have said their last.
const lingers = 500 * time.Millisecond

// linger waits for the server's END_STREAM, and resets a stream that it does not end. Some
// servers never do, and some break off the whole connection if the client is the first.
func (c *Conn) linger() { c.awaitEnd(min(lingers, c.loop.options.Timeouts.Close)) }

// awaitEnd waits for the end of what the peer sends.
func (c *Conn) awaitEnd(within time.Duration) {
	c.state = halfClosed
	c.StopAlarm()
	c.setDeadline(within)
	c.paused = false
	c.SetReadRate(0)
	c.read(true)
}

// free gives back all that c holds outside itself.
func (c *Conn) free(reset bool) {
	l := c.loop
	hadSocket := c.state != resolving
	c.state = dead
	c.stopDeadline()
	l.timers.stop(c, alarmTimer)
	l.timers.stop(c, paceTimer)
	c.wireRelease()
	l.unsent -= len(c.unsent)
	c.unsent, c.full = nil, false
	if c.secure != nil {
		c.secure.free()
	}
	switch {
	case c.lane != nil:
		c.lane.close(reset)
	case hadSocket:
		l.poll.close(c, reset)
	}
	l.remove(c)
}

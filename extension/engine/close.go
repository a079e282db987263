package engine

import (
	"io"
	"strings"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

// Close begins the closing handshake (RFC 6455 section 7.1.2), or gives up a
// connection that is not open yet. The handler hears the end within
// Timeouts.Close, whatever the peer does. code goes out as it is, but for 1005,
// which is a Close frame without one; of reason, its first 123 bytes.
func (c *Conn) Close(code uint16, reason string) {
	switch {
	case c.state < open:
		c.fail(ReasonAborted, nil)
	case c.state == open:
		c.planned = true
		c.by = ByClient
		c.sendClose(code, reason)
		if c.state == open {
			c.state = closing
			c.setDeadline(c.loop.options.Timeouts.Close)
		}
	}
}

// Reset ends the connection at once with a TCP RST.
func (c *Conn) Reset() {
	switch {
	case c.state < open:
		c.fail(ReasonAborted, nil)
	case c.state < dead:
		c.planned = true
		c.by, c.code = ByClient, frame.CodeAbnormal
		c.finish(true)
	}
}

// abort is Reset for the end of the engine: no handshake is owed to anyone.
func (c *Conn) abort() { c.Reset() }

func (c *Conn) sendClose(code uint16, reason string) {
	var payload [frame.MaxControlBytes]byte
	const most = len(payload) - 2
	if len(reason) > most {
		reason = strings.ToValidUTF8(reason[:most], "") // without half a character
	}
	// Past the limit of unsent bytes: it is the last that is sent.
	c.write(c.frameOf(frame.Close, frame.ClosePayload(payload[:0], code, reason)))
}

// peerClosed is called on the peer's Close frame.
func (c *Conn) peerClosed(code uint16, text []byte) {
	c.code = code
	if len(text) > 0 {
		c.last = &lastWord{text: string(text)}
	}
	if c.state == open {
		c.by = ByServer
		c.sendClose(code, "")
	}
	if c.state == dead {
		return
	}
	c.leave()
}

// leave ends the connection after the last that is to be said on it. A client
// leaves the TCP connection to the server.
func (c *Conn) leave() {
	if !c.server {
		c.awaitEnd()
		return
	}
	end := c.end()
	c.part()
	c.handler.Closed(c, end)
}

// awaitEnd waits for the peer's FIN. A close that this side began is bounded
// since then.
func (c *Conn) awaitEnd() {
	if c.state != closing {
		c.setDeadline(c.loop.options.Timeouts.Close)
	}
	c.state = ending
}

// refuse ends a connection whose peer broke the protocol (section 7.1.7). What
// else it sends is read and thrown away until its FIN or the bound on a close,
// so that our Close frame is not lost to a RST.
func (c *Conn) refuse(breach *frame.Error) {
	if c.state == open {
		c.sendClose(breach.CloseCode, breach.Reason)
	}
	if c.state == dead {
		return
	}
	c.last, c.by, c.code = &lastWord{breach: breach}, blame(breach), breach.CloseCode
	c.loop.parserOf(c).Release(&c.frames)
	c.leave()
}

// blame is whose doing a breach is: a limit of ours is no breach of the peer's.
func blame(breach *frame.Error) By {
	if breach.IsLimit() {
		return ByGenerator
	}
	return ByServer
}

func (l *Loop) parserOf(c *Conn) *frame.Parser {
	if c.server {
		return l.fromClients
	}
	return l.fromServers
}

// broken is called by the poller when the TCP connection ended: io.EOF for the
// peer's FIN, or what the kernel said.
func (l *Loop) broken(c *Conn, err error) {
	switch {
	case c.state == dead:
	case c.state == securing:
		// The TLS handshake may have failed already, which is why the peer
		// went: it knows the better reason.
		l.poll.read(c, false)
		c.secure.cut(err)
	case c.state < open:
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
	case c.state == parting && err == io.EOF && len(c.unsent) > 0:
		c.gone = true // but it may still read
	case c.state == parting:
		c.free(false)
	case c.state == ending:
		c.finish(false)
	default:
		c.by, c.code = ByNetwork, frame.CodeAbnormal
		if errnoReason(err) == ReasonNoMemory {
			c.by = ByGenerator
		}
		c.finish(false)
	}
}

// finish frees an open connection and tells its handler.
func (c *Conn) finish(reset bool) {
	if c.state == dead {
		return
	}
	told := c.state == parting
	if c.secure != nil && !reset {
		c.secure.goodbye()
	}
	c.free(reset)
	if !told {
		c.handler.Closed(c, c.end())
	}
}

func (c *Conn) end() End {
	e := End{At: clock.Now(), Code: c.code, By: c.by, Planned: c.planned}
	if c.last != nil {
		e.Breach, e.Text = c.last.breach, c.last.text
	}
	return e
}

// part has a server end the TCP connection, which is the server's to do
// (sections 7.1.1 and 7.1.7): with a FIN behind all that is still to be sent.
// The socket stays open until the peer's FIN, or for as long as a close may
// take, and what comes is thrown away: closed with something unread, it would
// send a RST, and the peer might never see our last bytes.
func (c *Conn) part() {
	c.state = parting
	c.StopAlarm()
	c.setDeadline(c.loop.options.Timeouts.Close)
	c.loop.parserOf(c).Release(&c.frames)
	c.paused = false
	c.SetReadRate(0)
	c.loop.poll.read(c, true)
	if len(c.unsent) == 0 {
		c.loop.poll.shut(c)
	}
}

// free gives back all that c holds outside itself.
func (c *Conn) free(reset bool) {
	l := c.loop
	hadSocket := c.state != resolving
	c.state = dead
	c.stopDeadline()
	l.timers.stop(c, alarmTimer)
	l.timers.stop(c, paceTimer)
	l.parserOf(c).Release(&c.frames)
	l.unsent -= len(c.unsent)
	c.unsent, c.full = nil, false
	if c.secure != nil {
		c.secure.free()
	}
	if hadSocket {
		l.poll.close(c, reset)
	}
	l.remove(c)
}

package engine

import (
	"fmt"
	"io"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/http2"
	"xk6-realtime/engine/websocket"
	"xk6-realtime/engine/wire"
)

// lane is a connection's place on a carrier: in a stream of HTTP/2 it has what
// others have of a socket. Not to read is to withhold WINDOW_UPDATE, a FIN is
// END_STREAM, and a RST is RST_STREAM (RFC 8441 section 5).
type lane struct {
	http2.Stream
	carrier *carrier
	conn    *Conn
	place   int  // in the carrier's lanes
	founds  bool // the carrier was opened for it

	reading bool
	resumes bool // among the loop's resumed
	kept    kept
}

// kept is what came and was not read: as much as the stream's window at most.
type kept struct {
	bytes     []byte
	since, at clock.Time // when it came
	ended     bool       // the end is behind it
}

// dialLane begins a connection that is to be a stream.
func (c *Conn) dialLane(most int) {
	o := c.opening
	ln := &lane{conn: c, reading: true}
	c.lane = ln
	c.setBetween()
	c.state = joining
	if c.loop.closing {
		c.failSoon(ReasonAborted, nil)
		return
	}
	o.most = most
	c.loop.join(ln, carrierKey{o.endpoint, o.source, c.wire, most})
}

// came notes how the carrier came about, for the lane that it was opened for: the
// others came to one that was there, or under way.
func (ln *lane) came(way *Opening) {
	if o := ln.conn.opening; o != nil && ln.founds {
		o.Resolved, o.Connected, o.Tunnelled, o.Secured = way.Resolved, way.Connected, way.Tunnelled, way.Secured
		o.Settings = way.Opened
	}
}

// elsewhere has the lane join another carrier: this one takes no more.
func (ln *lane) elsewhere() {
	c, k := ln.conn, ln.carrier
	g := k.group
	k.remove(ln)
	if g == nil || g.most == 0 {
		ln.carrier = nil
		c.fail(ReasonHTTP2Refused, errTakesNoMore)
		return
	}
	c.loop.join(ln, g.key)
}

// begin asks the server for a WebSocket, or an event stream.
func (ln *lane) begin() {
	c, k := ln.conn, ln.carrier
	if c.state != joining {
		return
	}
	if !k.session.CanOpen() {
		k.full = true
		k.counted()
		ln.elsewhere()
		return
	}
	o := c.opening
	o.Asked = clock.Now()
	c.makeRequest()
	if err := ln.ask(); err != nil {
		c.fail(ReasonOther, err)
		return
	}
	ln.flush()
}

// ask writes the wire's request.
func (ln *lane) ask() error {
	c, session := ln.conn, ln.carrier.session
	o := c.opening
	if c.wire != eventStream {
		fields, err := c.loop.sockets.AskFields(&o.upgrade, o.endpoint.Secure)
		if err != nil {
			return err
		}
		return session.Open(&ln.Stream, ln, fields, false)
	}
	r := o.streamRequest()
	fields, err := c.loop.streams.AskFields(r, o.endpoint.Secure)
	if err != nil {
		return err
	}
	if err := session.Open(&ln.Stream, ln, fields, len(r.Body) == 0); err != nil {
		return err
	}
	if n := session.Write(&ln.Stream, r.Body); n < len(r.Body) {
		c.keepUnsent(r.Body[n:]) // its end follows: see writable
	} else {
		session.Finish(&ln.Stream)
	}
	return nil
}

// flush sends what was written. A client's goes out at once, for it is measured
// from here on; a server's by the end of the loop's turn.
func (ln *lane) flush() {
	k := ln.carrier
	if k.over {
		return
	}
	if !k.server || len(k.session.Out) > maxOutBytes {
		_ = k.send() // where that fails, the poller tells of it
		return
	}
	if !k.taking {
		k.loop.sendLater(k)
	}
}

// Fields is called by the session, as are those below: with a server's answer, or
// a client's request.
func (ln *lane) Fields(fields []hpack.HeaderField, a wire.Arrival) {
	c := ln.conn
	if c.state != greeting {
		return
	}
	if ln.carrier.server {
		ln.asked(fields)
		return
	}
	if c.overdue(a.Since) {
		c.late()
		return
	}
	if c.wire == eventStream {
		c.streamAnsweredFields(fields, a.At)
		return
	}
	chosen, wrong := c.socket.AnsweredFields(c.loop.sockets, &c.opening.upgrade, fields)
	switch {
	case wrong != nil:
		c.refused(wrong.Err, wrong.Response.Status, wrong.Response.Location)
	case c.socket.IsOpen():
		c.opening.Protocol, c.opening.Deflate = chosen.Protocol, chosen.Deflate
		c.opening.Opened = a.At
		c.opened()
	}
}

// asked answers a client's request.
func (ln *lane) asked(fields []hpack.HeaderField) {
	c, session := ln.conn, ln.carrier.session
	answer, chosen, err := c.socket.AskedFields(c.loop.sockets, fields)
	if err != nil {
		session.Answer(&ln.Stream, websocket.DeclinedFields(), true)
		c.fail(handshakeReason(err, 0), err)
		return
	}
	session.Answer(&ln.Stream, answer, false)
	c.opening.Deflate = chosen.Deflate
	c.opened()
}

func (ln *lane) Data(b []byte, more bool, a wire.Arrival) {
	c := ln.conn
	for ln.reading && len(ln.kept.bytes) == 0 && len(b) > 0 {
		n := c.mayRead(len(b))
		if n == 0 {
			break
		}
		ln.take(b[:n], more || n < len(b), a)
		b = b[n:]
	}
	if len(b) == 0 || c.state == dead {
		return
	}
	if len(ln.kept.bytes) == 0 {
		ln.kept.since = a.Since
	}
	ln.kept.at = a.At
	ln.kept.bytes = append(ln.kept.bytes, b...)
}

// take takes bytes that the peer may send others for.
func (ln *lane) take(b []byte, more bool, a wire.Arrival) {
	ln.conn.takeBytes(b, more, a)
	if k := ln.carrier; !k.over {
		k.session.Took(&ln.Stream, len(b))
	}
}

// hand reads what is kept.
func (ln *lane) hand() {
	c := ln.conn
	for ln.reading && len(ln.kept.bytes) > 0 && c.state != dead {
		n := c.mayRead(len(ln.kept.bytes))
		if n == 0 {
			return
		}
		b := ln.kept.bytes[:n]
		ln.kept.bytes = ln.kept.bytes[n:]
		ln.take(b, true, wire.Arrival{Since: ln.kept.since, At: ln.kept.at, Read: clock.Now()})
	}
	if len(ln.kept.bytes) == 0 {
		ended := ln.kept.ended
		ln.kept = kept{}
		if ended && c.state != dead {
			c.loop.broken(c, io.EOF)
		}
	}
	ln.carrier.loop.sendLater(ln.carrier)
}

func (ln *lane) Ended() {
	if len(ln.kept.bytes) > 0 {
		ln.kept.ended = true
		return
	}
	ln.conn.loop.broken(ln.conn, io.EOF)
}

// lost ends the connection, whose carrier is gone: the end of TCP does not end a stream in order.
func (ln *lane) lost(err error) {
	if err == io.EOF && ln.conn.state >= up {
		err = io.ErrUnexpectedEOF
	}
	ln.conn.loop.broken(ln.conn, err)
}

func (ln *lane) Reset(code http2.Code, breach string) {
	f, name := Failure{ReasonHTTP2Reset, fmt.Errorf("RST_STREAM %s", code)}, nameReset
	switch {
	case breach == http2.TooLarge && ln.conn.state < up:
		f = Failure{ReasonHeaderTooLarge, handshake.ErrTooLarge}
	case breach != "":
		f, name = Failure{ReasonHTTP2Broken, fmt.Errorf("%s: %s", code, breach)}, nameBroken
	case code == http2.RefusedStream:
		f.Reason = ReasonHTTP2Refused
	}
	ln.cut(f, name)
}

func (ln *lane) Writable() { ln.conn.loop.writable(ln.conn) }

// cut ends the connection, which may not be open yet, in a way of the server's that
// has a name.
func (ln *lane) cut(f Failure, name string) {
	c := ln.conn
	switch {
	case c.state < up:
		c.fail(f.Reason, f.Err)
	case c.state == up:
		c.wireCut(name, f.Err.Error())
	case c.state == halfClosed:
		c.free(false)
	}
}

// write hands bytes to the session, and returns how many it took: after fewer
// than all it calls Writable when there is room.
func (ln *lane) write(b []byte) int {
	if ln.carrier.over {
		return len(b) // as the kernel does with what a peer that is gone will not get
	}
	n := ln.carrier.session.Write(&ln.Stream, b)
	ln.flush()
	return n
}

// read turns reading on or off.
func (ln *lane) read(on bool) {
	if ln.reading == on {
		return
	}
	ln.reading = on
	if on && !ln.resumes && len(ln.kept.bytes) > 0 {
		ln.resumes = true
		m := &ln.conn.loop.multiplexed
		m.resumed = append(m.resumed, ln)
	}
}

// shut says that this side sends no more.
func (ln *lane) shut() {
	if k := ln.carrier; !k.over {
		k.session.Finish(&ln.Stream)
		k.loop.sendLater(k)
	}
}

// close ends the stream, and gives up the place.
func (ln *lane) close(reset bool) {
	k := ln.carrier
	if k == nil {
		return
	}
	if !k.over && k.session != nil && ln.ID() != 0 {
		if !reset {
			k.session.Finish(&ln.Stream)
		}
		k.session.Reset(&ln.Stream, http2.Cancel) // unless the peer has finished, too
	}
	ln.kept = kept{}
	k.remove(ln)
}

package engine

import (
	"bytes"

	"xk6-realtime/engine/http2"
	"xk6-realtime/engine/websocket"
	"xk6-realtime/engine/wire"
)

// greet begins the wire's handshake: the way to the endpoint stands.
func (c *Conn) greet() {
	if c.wire == streams {
		c.carrier.greet()
		return
	}
	c.makeRequest()
	request, err := c.ask()
	if err != nil {
		c.fail(ReasonOther, err)
		return
	}
	if err := c.write(request); err != nil {
		c.fail(errnoReason(err), err)
	}
}

// makeRequest begins the wire's handshake with what is to be asked for.
func (c *Conn) makeRequest() {
	o := c.opening
	c.state = greeting
	c.setDeadline(c.loop.options.Timeouts.Upgrade)
	o.upgrade.Request.Host = o.endpoint.Authority
	if o.fill != nil {
		o.fill(c, &o.upgrade.Request)
	}
}

// refused ends a connection whose request got a wrong answer.
func (c *Conn) refused(err error, status int, location []byte) {
	c.fail(handshakeReason(err, status), refusal(err, status, location))
}

// greeted takes bytes of the peer's handshake, and returns the ones that are messages already.
func (c *Conn) greeted(b []byte, more bool, a wire.Arrival) (rest []byte) {
	if c.wire == eventStream {
		return c.streamAnswered(b, a.At)
	}
	o := c.opening
	if o.accept != nil {
		if b = c.speaks(b); b == nil {
			return nil
		}
		if c.wire == streams {
			return b
		}
	}
	rest, reply, chosen, wrong := c.socket.Answered(c.loop.sockets, &o.upgrade, b)
	switch {
	case wrong != nil && c.socket.IsServer():
		c.decline(Failure{handshakeReason(wrong.Err, 0), wrong.Err})
		return nil
	case wrong != nil:
		c.refused(wrong.Err, wrong.Response.Status, wrong.Response.Location)
		return nil
	case !c.socket.IsOpen():
		return nil
	}
	o.Protocol, o.Deflate = chosen.Protocol, chosen.Deflate
	if len(reply) > 0 {
		if err := c.write(reply); err != nil {
			c.fail(errnoReason(err), err)
			return nil
		}
	} else {
		o.Opened = a.At
	}
	c.opened()
	return rest
}

// speaks finds out by a client's first bytes which version of HTTP it speaks, and
// returns what is to be read in that: nil while they do not tell. No request of
// HTTP/1.1 begins as HTTP/2 does (RFC 9113 section 3.4).
func (c *Conn) speaks(b []byte) []byte {
	const telling = len("PRI")
	o := c.opening
	if len(o.early) > 0 {
		b = append(o.early, b...)
	}
	if len(b) < telling && http2.Preface[:len(b)] == string(b) {
		o.early = bytes.Clone(b)
		return nil
	}
	accept := o.accept
	o.early, o.accept = nil, nil
	if len(b) >= telling && string(b[:telling]) == http2.Preface[:telling] {
		c.wire, c.carrier = streams, &carrier{loop: c.loop, conn: c, server: true, accept: accept}
		c.handler, c.receiver = c.carrier, c.carrier
		c.carrier.greet()
	}
	return b
}

// decline answers a request that is not a handshake, and ends the connection.
func (c *Conn) decline(f Failure) {
	if err := c.write([]byte(websocket.Declined(f.Err))); err != nil {
		c.fail(errnoReason(err), err)
		return
	}
	c.closeWrite()
	c.handler.Failed(c, &c.opening.Opening, f)
	c.freeOpening()
}

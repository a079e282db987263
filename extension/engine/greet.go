package engine

import (
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/websocket"
)

// greet begins the wire's handshake: the way to the endpoint stands.
func (c *Conn) greet() {
	l, o := c.loop, c.opening
	c.state = greeting
	c.setDeadline(l.options.Timeouts.Upgrade)
	o.upgrade.Request.Host = o.endpoint.Authority
	if o.fill != nil {
		o.fill(c, &o.upgrade.Request)
	}
	request, err := c.ask()
	if err != nil {
		c.fail(ReasonOther, err)
		return
	}
	if err := c.write(request); err != nil {
		c.fail(errnoReason(err), err)
	}
}

// greeted takes bytes of the peer's handshake, and returns those that are
// messages already.
func (c *Conn) greeted(b []byte, at clock.Time) (rest []byte) {
	if c.wire == eventStream {
		return c.streamAnswered(b, at)
	}
	o := c.opening
	rest, reply, chosen, wrong := c.socket.Answered(c.loop.sockets, &o.upgrade, b)
	switch {
	case wrong != nil && c.socket.IsServer():
		c.decline(Failure{handshakeReason(wrong.Err, 0), wrong.Err})
		return nil
	case wrong != nil:
		c.fail(handshakeReason(wrong.Err, wrong.Response.Status), refusal(wrong.Err, wrong.Response.Status, wrong.Response.Location))
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
		o.Opened = at
	}
	c.opened()
	return rest
}

// decline answers a request that is no handshake, and ends the connection.
func (c *Conn) decline(f Failure) {
	if err := c.write([]byte(websocket.Declined(f.Err))); err != nil {
		c.fail(errnoReason(err), err)
		return
	}
	c.part()
	c.handler.Failed(c, &c.opening.Opening, f)
	c.freeOpening()
}

package engine

import (
	"fmt"
	"net/netip"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
)

const listenBacklog = 4096

// Listener takes connections on one loop, for the servers that the engine is
// tried against.
type Listener struct {
	loop    *Loop
	addr    netip.AddrPort
	shared  bool
	handler func(c *Conn) Handler
}

// Listen takes connections at addr, port 0 for any free one. shared lets
// several loops listen at the same port. handler is asked once for each
// connection. To be called on the loop's goroutine.
func (l *Loop) Listen(addr netip.AddrPort, shared bool, handler func(c *Conn) Handler) (*Listener, error) {
	s := &Listener{loop: l, addr: addr, shared: shared, handler: handler}
	if err := l.poll.listen(s); err != nil {
		return nil, fmt.Errorf("engine: listen on %s: %w", addr, err)
	}
	return s, nil
}

// Addr is where the Listener listens, with the port it was given.
func (s *Listener) Addr() netip.AddrPort { return s.addr }

// Close stops taking connections; those taken live on.
func (s *Listener) Close() { s.loop.poll.unlisten(s) }

// accepted is called by the poller with a new connection.
func (l *Loop) accepted(s *Listener) *Conn {
	c := &Conn{loop: l, server: true, state: upgrading, opening: l.newOpening()}
	l.add(c)
	c.opening.Due = clock.Now()
	c.opening.Began = c.opening.Due
	c.handler = s.handler(c)
	c.receiver = c.handler
	c.setDeadline(l.options.Timeouts.Upgrade)
	return c
}

// accept answers a client's request once it is whole. head is all of it, and b
// is what came last.
func (c *Conn) accept(head, b []byte) (rest []byte) {
	l, o := c.loop, c.opening
	key, n, err := handshake.ReadRequest(head, l.options.HeaderBytes)
	if err != nil {
		c.decline(Failure{handshakeReason(err, 0), err})
		return nil
	}
	if n == 0 {
		if len(o.answer) == 0 {
			o.answer = append(o.answer, b...)
		}
		return nil
	}
	l.scratch = handshake.AppendResponse(l.scratch[:0], key)
	if err := c.write(l.scratch); err != nil {
		c.fail(errnoReason(err), err)
		return nil
	}
	c.opened()
	return b[len(b)-(len(head)-n):]
}

// decline answers a request that is no handshake, and ends the connection.
func (c *Conn) decline(f Failure) {
	if err := c.write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")); err != nil {
		c.fail(errnoReason(err), err)
		return
	}
	c.part()
	c.handler.Failed(c, &c.opening.Opening, f)
	c.freeOpening()
}

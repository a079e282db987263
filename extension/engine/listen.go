package engine

import (
	"fmt"
	"net/netip"

	"xk6-realtime/engine/clock"
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
	c := &Conn{loop: l, opening: l.newOpening()}
	c.socket.Server()
	l.add(c)
	c.opening.Due = clock.Now()
	c.opening.Began = c.opening.Due
	c.opening.Connected = c.opening.Due
	c.opening.accept = s.handler
	c.handler = s.handler(c)
	c.receiver = c.handler
	if l.options.ServerTLS != nil {
		c.startTLS()
	} else {
		c.awaitRequest()
	}
	return c
}

// awaitRequest waits for the client's handshake.
func (c *Conn) awaitRequest() {
	c.state = greeting
	c.setDeadline(c.loop.options.Timeouts.Upgrade)
}

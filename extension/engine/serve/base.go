package serve

import (
	"fmt"
	"net/netip"

	"xk6-realtime/engine"
)

// base is what all servers have: an engine that takes connections at an
// address.
type base struct {
	engine *engine.Engine
	addr   netip.AddrPort
}

// reserved is how many connections the process is made ready for at once.
const reserved = 1 << 16

func newBase(o engine.Options) (base, error) {
	if o.Loops == 0 {
		o.Loops = 1
	}
	e, err := engine.New(o)
	if err != nil {
		return base{}, err
	}
	engine.ReserveDescriptors(reserved)
	return base{engine: e}, nil
}

// listen has all loops of the engine take connections at one address. If that fails, the engine
// ends.
func (b *base) listen(addr netip.AddrPort, handler func(loop int, c *engine.Conn) engine.Handler) error {
	loops := b.engine.Loops()
	for i, loop := range loops {
		var err error
		loop.Await(func() {
			var l *engine.Listener
			accept := func(c *engine.Conn) engine.Handler { return handler(i, c) }
			if l, err = loop.Listen(addr, len(loops) > 1, accept); err == nil {
				addr = l.Addr()
			}
		})
		if err != nil {
			b.engine.Close()
			return fmt.Errorf("serve: %w", err)
		}
	}
	b.addr = addr
	return nil
}

// Addr is where the server listens.
func (b *base) Addr() netip.AddrPort { return b.addr }

// URL is the address as a client writes it.
func (b *base) URL() string {
	if b.engine.Options().ServerTLS != nil {
		return "wss://" + b.addr.String()
	}
	return "ws://" + b.addr.String()
}

// Close ends the server and all its connections.
func (b *base) Close() { b.engine.Close() }

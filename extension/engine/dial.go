package engine

import (
	"context"
	"errors"
	"net/netip"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/websocket"
)

// Dial says what to connect to. One Dial may serve many connections.
type Dial struct {
	Endpoint Endpoint
	// Request fills in what to ask for, when the request is about to be
	// written; its Host is set. nil asks for "/" without anything further.
	Request func(c *Conn, r *handshake.Request)
	// Source is the local address to connect from. Default: the kernel's
	// choice.
	Source netip.Addr
	// Due is the intended start. Default: now.
	Due clock.Time
	// Deflate is the offer to compress messages (RFC 7692). Default: they are not compressed.
	Deflate *deflate.Options
	// EventStream asks for an event stream (WHATWG HTML section 9.2) instead of a
	// WebSocket connection. Its messages are JSON text, {"event", "id", "data"}: see
	// package eventstream. Nothing can be sent on it but the request, whose method
	// and body Request may give. Redirects are followed, within the host.
	EventStream bool
	// StreamsPerConnection makes the connection a stream of HTTP/2, a WebSocket by RFC 8441. At
	// most this many share a TCP connection, if they have the same number and go to the same
	// Endpoint from the same Source. Default 0: it is one of HTTP/1.1, on a TCP connection of its
	// own.
	StreamsPerConnection int
	// Receiver hears the messages in the Handler's place, for a Handler whose
	// memory need not be looked at for each. Default: the Handler.
	Receiver Receiver
	// Traffic counts what comes and goes, if given.
	Traffic *Traffic
}

// target is a TCP connection to make.
type target struct {
	to            netip.AddrPort
	from          netip.Addr
	receiveBuffer int
}

// opening is what a connection needs until it is open.
type opening struct {
	Opening
	endpoint Endpoint
	hop      Endpoint // where the TCP connection goes
	proxy    *Proxy   // nil for none
	source   netip.Addr
	addrs    []netip.AddrPort // of the hop
	tried    int              // how many of them
	first    Failure          // of the first one
	tcpBy    clock.Time       // by when one has taken the connection
	step     tunnelStep
	// asksPassword: a SOCKS proxy wants user and password.
	asksPassword bool
	fill         func(c *Conn, r *handshake.Request)
	proxied      []byte // of the proxy's answer, while it is incomplete
	page         Reason // if its head announced a page
	// accept is for the streams of a client that speaks HTTP/2, until that is known,
	// and early are its first bytes meanwhile.
	accept       func(c *Conn) Handler
	early        []byte
	upgrade      websocket.Upgrade
	answer       []byte // of an event stream's head, while it is incomplete
	redirects    int
	redirectPath string // where the last of them leads
	asGet        bool   // it takes neither method nor body along
	most         int    // streams of HTTP/2 on a TCP connection, 0 for HTTP/1.1
	cancel       context.CancelFunc
}

// Dial begins a connection. The handler hears how it went, never before Dial
// has returned.
func (l *Loop) Dial(d *Dial, h Handler) *Conn {
	c := &Conn{loop: l, handler: h, receiver: d.Receiver, traffic: d.Traffic, opening: l.newOpening()}
	if c.receiver == nil {
		c.receiver = h
	}
	l.add(c)
	o := c.opening
	o.endpoint, o.source, o.fill = d.Endpoint, d.Source, d.Request
	if d.EventStream {
		c.wire, c.stream = eventStream, &stream{}
	} else {
		o.upgrade.Deflate = d.Deflate
	}
	o.Began = clock.Now()
	o.Due = d.Due
	if o.Due == 0 {
		o.Due = o.Began
	}
	if d.StreamsPerConnection > 0 {
		c.dialLane(d.StreamsPerConnection)
		return c
	}
	c.setOut()
	return c
}

// setOut begins the way to the endpoint.
func (c *Conn) setOut() {
	l, o := c.loop, c.opening
	if l.closing {
		c.failSoon(ReasonAborted, nil)
		return
	}
	o.hop, o.proxy = l.routeTo(&o.endpoint)
	if l.options.Blocked != nil && l.options.Blocked(o.hop.Host, netip.Addr{}) {
		c.failSoon(ReasonBlocked, nil)
		return
	}
	if o.hop.Addr.IsValid() {
		o.Resolved = o.Began
		c.connect(netip.AddrPortFrom(o.hop.Addr, o.hop.Port))
		return
	}
	c.lookUp()
}

func (l *Loop) newOpening() *opening {
	l.opening++
	if last := len(l.openings) - 1; last >= 0 {
		o := l.openings[last]
		l.openings = l.openings[:last]
		return o
	}
	return &opening{}
}

// freeOpening keeps o for the next connection.
func (c *Conn) freeOpening() {
	const kept = 256
	o := c.opening
	c.opening = nil
	c.loop.opening--
	if o.cancel != nil {
		o.cancel()
	}
	if len(c.loop.openings) < kept {
		o.upgrade.Reset()
		*o = opening{addrs: o.addrs[:0], upgrade: o.upgrade, answer: keptAnswer(o.answer)}
		c.loop.openings = append(c.loop.openings, o)
	}
}

// lookUp resolves the host in a goroutine of its own.
func (c *Conn) lookUp() {
	l, o := c.loop, c.opening
	c.state = resolving
	c.setDeadline(l.options.Timeouts.Resolve)
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	host, port := o.hop.Host, o.hop.Port // o is another connection's once this one is given up
	go func() {
		to, err := l.options.Resolve(ctx, host, port)
		l.Do(func() {
			if ctx.Err() != nil {
				return // given up meanwhile
			}
			switch {
			case errors.Is(err, ErrBlocked):
				c.fail(ReasonBlocked, err)
			case err != nil:
				c.fail(lookUpReason(err), err)
			case len(to) == 0:
				c.fail(ReasonDNS, nil)
			default:
				o.Resolved = clock.Now()
				c.connect(sameFamily(to, o.source)...)
			}
		})
	}()
}

// connected is called by the poller when a TCP connection was made, or not.
func (l *Loop) connected(c *Conn, at clock.Time, err error) {
	if c.state != connecting {
		return
	}
	if err != nil {
		c.unconnected(errnoReason(err), err)
		return
	}
	c.opening.Connected = at
	if c.opening.proxy != nil {
		c.tunnel()
		return
	}
	c.reached()
}

// reached goes on where the endpoint itself is at the other end.
func (c *Conn) reached() {
	if c.opening.endpoint.Secure {
		c.startTLS()
		return
	}
	c.greet()
}

// opened tells the handler, and frees what is no longer needed.
func (c *Conn) opened() {
	c.state = up
	c.stopDeadline()
	c.handler.Opened(c, &c.opening.Opening)
	if c.opening != nil {
		c.freeOpening()
	}
}

// fail ends a connection that was never opened.
func (c *Conn) fail(r Reason, err error) {
	if c.state >= up {
		return
	}
	o := c.opening
	switch {
	case o.proxy != nil && c.state <= tunnelling:
		r = ofProxy(r)
	case o.isPage(r, err):
		r, err = o.page, errPage
	}
	c.free(true)
	c.handler.Failed(c, &o.Opening, Failure{r, err})
	c.freeOpening()
}

// failSoon is fail after the present call, so that no handler hears of a
// connection before Dial has returned it.
func (c *Conn) failSoon(r Reason, err error) {
	c.loop.Do(func() { c.fail(r, err) })
}

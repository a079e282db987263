package engine

import (
	"errors"
	"slices"

	"xk6-realtime/engine/http2"
	"xk6-realtime/engine/wire"
)

// carrier is a TCP connection of HTTP/2 (RFC 9113). Its streams are connections
// of their own to everybody else: see lane. It hears its Conn as a Handler does.
type carrier struct {
	loop    *Loop
	conn    *Conn
	session *http2.Session // nil until TCP and TLS stand
	lanes   []*lane        // that wait for it, or have a stream of it

	group  *carriers             // nil of a server's
	accept func(c *Conn) Handler // nil of a client's

	server bool // this side accepted it
	roomy  bool // among the group's
	full   bool // takes no further lane
	queued bool // among the loop's that wait to send
	taking bool // what came is being handed out
	over   bool // all is said
	// flooded: so much waits for the peer as it must have asked for itself.
	flooded bool
	away    *Failure
}

const (
	// protocolHTTP2 is HTTP/2 in TLS (RFC 9113 section 3.2).
	protocolHTTP2 = "h2"
	protocolHTTP1 = "http/1.1"
	// maxServedStreams is how many streams a Listener's clients may have open on one
	// connection.
	maxServedStreams = 10_000
	// maxOutBytes is after how much a server sends before the turn's end.
	maxOutBytes = 64 << 10
)

var (
	errNotChosen   = errors.New("the server did not choose h2 in the TLS handshake (ALPN)")
	errFlood       = &http2.Error{Code: http2.EnhanceYourCalm, Detail: "the peer asks for answers and does not read them"}
	errTakesNoMore = errors.New("its SETTINGS_MAX_CONCURRENT_STREAMS is 0")
)

// newCarrier is a client's, whose first lane is ln.
func newCarrier(l *Loop, g *carriers, ln *lane) *carrier {
	k := &carrier{loop: l, group: g}
	k.conn = &Conn{loop: l, handler: k, receiver: k, wire: streams, carrier: k, opening: l.newOpening()}
	l.add(k.conn)
	o := k.conn.opening
	o.endpoint, o.source, o.Began, o.Due = g.key.endpoint, g.key.source, ln.conn.opening.Began, ln.conn.opening.Due
	return k
}

// takesLanes tells whether another lane may join.
func (k *carrier) takesLanes() bool { return !k.full && !k.over && k.away == nil && k.conn.state <= up }

// isReady tells whether streams can be opened.
func (k *carrier) isReady() bool { return k.conn.state == up && !k.over && k.away == nil }

// add takes a lane, whose stream begins once the connection is ready.
func (k *carrier) add(ln *lane) {
	ln.carrier, ln.place = k, len(k.lanes)
	k.lanes = append(k.lanes, ln)
	k.counted()
	if k.isReady() && !k.server {
		ln.begin()
	}
}

// remove lets a lane go.
func (k *carrier) remove(ln *lane) {
	last := len(k.lanes) - 1
	k.lanes[ln.place] = k.lanes[last]
	k.lanes[ln.place].place = ln.place
	k.lanes[last] = nil
	k.lanes = k.lanes[:last]
	k.counted()
	k.loop.sendLater(k)
}

// counted does what follows from another number of lanes. The connection's bytes
// are counted as those of one that has some.
func (k *carrier) counted() {
	if len(k.lanes) > 0 {
		k.conn.traffic = k.lanes[0].conn.traffic
	}
	if k.group != nil {
		k.group.review(k)
	}
}

// greet begins HTTP/2.
func (k *carrier) greet() {
	c, o := k.conn, k.loop.options
	if c.secure != nil && !k.server && c.secure.tls.ConnectionState().NegotiatedProtocol != protocolHTTP2 {
		c.fail(ReasonHTTP2Unsupported, errNotChosen)
		return
	}
	c.state = greeting
	c.setDeadline(o.Timeouts.Upgrade)
	k.session = http2.New(http2.Options{
		Server: k.server, HeaderBytes: o.HeaderBytes, StreamWindow: o.ReceiveBuffer,
		MaxStreams: maxServedStreams, Buffer: k.loop.multiplexed.buffer,
	}, k)
	if err := k.send(); err != nil {
		c.fail(errnoReason(err), err)
	}
}

// received takes bytes after TLS.
func (k *carrier) received(b []byte, more bool, a wire.Arrival) {
	if k.over || k.session == nil {
		return
	}
	k.taking = true
	err := k.session.Received(b, more, a)
	k.taking = false
	if err != nil {
		k.fail(err)
		return
	}
	k.settle()
}

// settle sends what there is, and ends a client's connection that has nothing to
// do any more.
func (k *carrier) settle() {
	if k.over || k.session == nil {
		return
	}
	if k.flooded {
		k.fail(errFlood)
		return
	}
	// If that fails, the poller reports it.
	_ = k.send()
	if len(k.lanes) == 0 && !k.server && k.conn.state == up {
		k.goAway(http2.NoError, "")
	}
}

// send sends what there is.
func (k *carrier) send() error {
	out := k.session.Out
	if len(out) == 0 || k.conn.state == dead {
		return nil
	}
	k.session.Out = nil
	err := k.conn.write(out)
	k.loop.multiplexed.giveBack(out)
	if k.conn.full {
		k.session.Hold(true)
		if len(k.conn.unsent) > k.loop.options.UnsentBytes+maxOutBytes {
			k.flooded = true
			k.loop.sendLater(k)
		}
	}
	return err
}

// writable is called when the kernel has taken all that waited.
func (k *carrier) writable() {
	if !k.over && k.session != nil {
		k.session.Hold(false)
		k.loop.sendLater(k)
	}
}

// fail ends the connection: its peer broke HTTP/2.
func (k *carrier) fail(err *http2.Error) {
	if k.conn.state < up {
		k.over = true
		k.session.Leave(err.Code, err.Detail)
		_ = k.send()
		k.conn.fail(ReasonHTTP2Unsupported, err)
		return
	}
	k.goAway(err.Code, err.Detail)
	for _, ln := range slices.Clone(k.lanes) {
		ln.cut(Failure{ReasonHTTP2Broken, err}, nameBroken)
	}
}

// goAway ends a connection on which all is said: with a GOAWAY and a FIN.
func (k *carrier) goAway(code http2.Code, detail string) {
	k.over = true
	k.counted()
	k.session.Leave(code, detail)
	k.session.End()
	_ = k.send()
	if k.conn.state == up {
		k.conn.closeWrite()
	}
	k.leave()
}

// leave has the group forget the carrier.
func (k *carrier) leave() {
	if k.group != nil {
		g := k.group
		k.over = true
		g.review(k)
		k.group = nil
		k.loop.left(g)
	}
}

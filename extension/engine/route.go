package engine

import (
	"net/netip"
	"time"

	"xk6-realtime/engine/clock"
)

// Route is the way to an endpoint.
type Route struct {
	// Hop is where the TCP connection goes, looked up unless its Addr is set.
	// Default: the proxy, else the endpoint.
	Hop Endpoint
	// Proxy is asked for a tunnel to the endpoint, if given.
	Proxy *Proxy
}

// Proxy opens tunnels: one of HTTP (RFC 9110 section 9.3.6), or of SOCKS (RFC
// 1928). The endpoint's name is its to look up.
type Proxy struct {
	Endpoint Endpoint
	// Authorization is sent as Proxy-Authorization, unless it is empty.
	Authorization string
	// Socks makes it one of SOCKS, version 5.
	Socks *Socks
}

// Socks is who asks a SOCKS proxy. User and Password, of at most 255 bytes each,
// are offered unless User is empty.
type Socks struct{ User, Password string }

// routeTo is the way to an endpoint, the same for all connections of the loop.
func (l *Loop) routeTo(e *Endpoint) (hop Endpoint, proxy *Proxy) {
	if l.options.Route == nil {
		return *e, nil
	}
	r, known := l.routes[*e]
	if !known {
		r = l.options.Route(*e)
		switch {
		case r.Hop.Host != "":
		case r.Proxy != nil:
			r.Hop = r.Proxy.Endpoint
		default:
			r.Hop = *e
		}
		l.routes[*e] = r
	}
	return r.Hop, r.Proxy
}

// sameFamily leaves out the addresses that cannot be reached from source, as
// long as others are left.
func sameFamily(to []netip.AddrPort, source netip.Addr) []netip.AddrPort {
	if !source.IsValid() {
		return to
	}
	reachable := to[:0:0]
	for _, a := range to {
		if a.Addr().Is4() == source.Unmap().Is4() {
			reachable = append(reachable, a)
		}
	}
	if len(reachable) == 0 {
		return to
	}
	return reachable
}

// connect begins a TCP connection to the first of the addresses that takes one.
func (c *Conn) connect(to ...netip.AddrPort) {
	o := c.opening
	o.addrs, o.tried = append(o.addrs[:0], to...), 0
	o.tcpBy = until(c.loop.options.Timeouts.TCP)
	if !c.tryNext() {
		c.failSoon(o.first.Reason, o.first.Err)
	}
}

// tryNext begins a TCP connection to the next address; false says that none is
// left.
func (c *Conn) tryNext() bool {
	o := c.opening
	for o.tried < len(o.addrs) {
		left := o.tcpBy.Sub(clock.Now())
		if left <= 0 && o.tried > 0 {
			return false
		}
		// Each has its share of the time left.
		const least = 2 * time.Second // unless there is less
		share := left / time.Duration(len(o.addrs)-o.tried)
		to := o.addrs[o.tried]
		o.tried++
		f := c.try(to, max(share, min(left, least)))
		if f.Reason == ReasonNone {
			return true
		}
		c.noteFirst(f)
	}
	return false
}

func (c *Conn) try(to netip.AddrPort, within time.Duration) Failure {
	l, o := c.loop, c.opening
	c.state = connecting
	if l.options.Blocked != nil && l.options.Blocked(o.hop.Host, to.Addr()) {
		return Failure{ReasonBlocked, nil}
	}
	c.setDeadline(within)
	if err := l.poll.connect(c, target{to, o.source, c.receiveBuffer()}); err != nil {
		return Failure{errnoReason(err), err}
	}
	return Failure{}
}

// receiveBuffer is what to ask of the kernel. Streams of HTTP/2 have windows in
// its place.
func (c *Conn) receiveBuffer() int {
	if c.wire == streams {
		return 0
	}
	return c.loop.options.ReceiveBuffer
}

// noteFirst keeps what the first address came to: it is the one that all others
// only stand in for.
func (c *Conn) noteFirst(f Failure) {
	if o := c.opening; o.first.Reason == ReasonNone {
		o.first = f
	}
}

// unconnected is called where a TCP connection did not come about.
func (c *Conn) unconnected(r Reason, err error) {
	o := c.opening
	if o.tried < len(o.addrs) && r != ReasonNoDescriptors {
		c.noteFirst(Failure{r, err})
		c.loop.poll.close(c, true)
		if c.tryNext() {
			return
		}
	}
	if o.first.Reason != ReasonNone {
		r, err = o.first.Reason, o.first.Err
	}
	c.fail(r, err)
}

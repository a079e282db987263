package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
)

// tunnelStep is the answer that a proxy owes.
type tunnelStep uint8

const (
	tunnelAsked   tunnelStep = iota // HTTP's CONNECT, or the same of SOCKS
	socksGreeted                    // what it wants to know
	socksPassword                   // whether user and password are right
)

// announcesPage matches the head of an answer with a body. Proxies that open a tunnel may send such
// fields too, which are ignored (RFC 9110 section 9.3.6), but nothing that they announce.
var announcesPage = regexp.MustCompile(`(?im)^(content-length:[ \t]*[1-9]|transfer-encoding:)`)

var errPage = errors.New("the proxy answered with a page, and opened no tunnel")

var errLongHost = fmt.Errorf("want a host name of at most %d bytes for a SOCKS proxy", handshake.MaxSocksBytes)

// tunnel asks the proxy for a way to the endpoint.
func (c *Conn) tunnel() {
	l, o := c.loop, c.opening
	c.state = tunnelling
	c.setDeadline(l.options.Timeouts.Proxy)
	if socks := o.proxy.Socks; socks != nil {
		if len(o.endpoint.Host) > handshake.MaxSocksBytes {
			c.fail(ReasonOther, errLongHost)
			return
		}
		o.step = socksGreeted
		l.scratch = handshake.AppendSocksGreeting(l.scratch[:0], socks.User != "")
	} else {
		l.scratch = handshake.AppendConnect(l.scratch[:0], o.endpoint.String(), o.proxy.Authorization)
	}
	c.tell()
}

// tell sends the proxy what lies in the loop's scratch.
func (c *Conn) tell() {
	if err := c.write(c.loop.scratch); err != nil {
		c.fail(errnoReason(err), err)
	}
}

// tunnelled takes what a proxy answers, and returns what came through its
// tunnel already.
func (c *Conn) tunnelled(b []byte, at clock.Time) (rest []byte) {
	o := c.opening
	o.proxied = append(o.proxied, b...)
	for c.state == tunnelling {
		n, r, err := c.answeredByProxy(o.proxied)
		switch {
		case r != ReasonNone:
			c.fail(r, err)
			return nil
		case n == 0:
			return nil
		}
		left := len(o.proxied) - n
		o.proxied = o.proxied[:copy(o.proxied, o.proxied[n:])]
		if o.step != tunnelAsked {
			c.next()
			continue
		}
		o.proxied = o.proxied[:0]
		o.Tunnelled = at
		c.reached()
		return b[len(b)-left:]
	}
	return nil
}

// answeredByProxy reads the answer to the present step from the start of b: its size, 0 while it
// is incomplete, or its fault.
func (c *Conn) answeredByProxy(b []byte) (n int, r Reason, err error) {
	o := c.opening
	status := 0
	switch {
	case o.proxy.Socks == nil:
		status, n, err = handshake.ReadConnected(b, c.loop.options.HeaderBytes)
		if n > 0 && announcesPage.Match(b[:n]) {
			o.page = ProxyStatus(status)
			if n < len(b) {
				return 0, o.page, errPage
			}
		}
	case o.step == socksGreeted:
		var wantsPassword bool
		wantsPassword, n, err = handshake.ReadSocksMethod(b)
		if wantsPassword && o.proxy.Socks.User == "" {
			err = handshake.ErrMalformed // it was not offered
		}
		o.asksPassword = wantsPassword
		status = proxyWantsCredentials
	case o.step == socksPassword:
		n, err = handshake.ReadSocksPassword(b)
		status = proxyWantsCredentials
	default:
		var reply byte
		reply, n, err = handshake.ReadSocksConnected(b)
		status = socksStatus(reply)
	}
	switch err {
	case nil:
		return n, ReasonNone, nil
	case handshake.ErrStatus:
		return 0, ProxyStatus(status), nil
	}
	return 0, ReasonProxyBadAnswer, err
}

// isPage says whether what came through the tunnel is the page that the head of the proxy's answer
// announced: it is neither HTTP nor TLS.
func (o *opening) isPage(r Reason, err error) bool {
	if o.page == ReasonNone {
		return false
	}
	var notTLS tls.RecordHeaderError
	return r == ReasonBadUpgrade && errors.Is(err, handshake.ErrMalformed) || errors.As(err, &notTLS)
}

// next goes on with a SOCKS proxy.
func (c *Conn) next() {
	l, o := c.loop, c.opening
	if o.step == socksGreeted && o.asksPassword {
		o.step = socksPassword
		l.scratch = handshake.AppendSocksPassword(l.scratch[:0], o.proxy.Socks.User, o.proxy.Socks.Password)
	} else {
		o.step = tunnelAsked
		l.scratch = handshake.AppendSocksConnect(l.scratch[:0], o.endpoint.Host, o.endpoint.Addr, o.endpoint.Port)
	}
	c.tell()
}

const proxyWantsCredentials = 407

// socksStatus is what an HTTP proxy would have answered (RFC 1928 section 6).
func socksStatus(reply byte) int {
	switch reply {
	case 2:
		return 403 // not allowed
	case 3, 4, 5, 6:
		return 502 // unreachable, refused, or too far away
	case 7, 8:
		return 501 // not supported
	}
	return 500
}

package engine

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/handshake"
)

// Reason is why a connection was never opened, out of a closed list. The list is the constants
// below, each HTTP status from 100 to 599 as itself, and each status of a proxy in the form of
// ProxyStatus.
type Reason uint16

// Reasons other than an HTTP status.
const (
	ReasonNone           Reason = iota
	ReasonDNS                   // the host name has no address
	ReasonRefused               // nothing listens there
	ReasonUnreachable           // no route to the address, or a firewall says so
	ReasonReset                 // the peer reset the connection
	ReasonClosed                // the peer closed the connection before it answered
	ReasonTLS                   // certificate or TLS handshake
	ReasonTimeoutResolve        // a phase took longer than its bound
	ReasonTimeoutTCP
	ReasonTimeoutTLS
	ReasonTimeoutUpgrade
	ReasonBadUpgrade     // the answer is no WebSocket handshake, or no HTTP
	ReasonBadAccept      // Sec-WebSocket-Accept does not answer our key
	ReasonBadSubprotocol // a subprotocol that was not offered
	ReasonBadExtension   // an extension, or a parameter of one, that was not offered
	ReasonHeaderTooLarge // the answer's header passes our limit
	ReasonNoPorts        // no ephemeral port is left at this source address
	ReasonNoDescriptors  // the process may open no more files
	ReasonNoMemory       // the kernel has no memory left for sockets, or for watching them
	ReasonBlocked        // the address or host is not allowed
	ReasonAborted        // given up by this side, as on an early stop
	ReasonOther
	ReasonLogin // a login before it failed

	// A proxy's, which the endpoint has no part in.
	ReasonProxyDNS         // its name has no address
	ReasonProxyRefused     // nothing listens there
	ReasonProxyUnreachable // no route to it, or a firewall says so
	ReasonProxyClosed      // it ended the connection before it answered
	ReasonProxyTimeout     // it could not be reached, or did not answer, in time
	ReasonProxyBadAnswer   // its answer is no HTTP

	// Of event streams.
	ReasonBadContentType // the answer is no event stream
	ReasonBadEncoding    // it is encoded in a way that is not known

	// Of HTTP/2.
	ReasonHTTP2Unsupported // the server does not speak it
	ReasonHTTP2NoWebSocket // its SETTINGS do not allow WebSocket (RFC 8441)
	ReasonHTTP2Refused     // the server takes no further stream
	ReasonHTTP2Reset       // it reset the stream before it answered
	ReasonHTTP2GoAway      // it ended the HTTP/2 connection before it answered
	ReasonHTTP2Broken      // it broke HTTP/2
)

// proxyStatuses is what a proxy's status has added to it.
const proxyStatuses Reason = 1000

// ProxyStatus is the reason of a connection that a proxy answered with another
// status than 200.
func ProxyStatus(status int) Reason { return proxyStatuses + Reason(status) }

// OfProxy tells whether a proxy, or the way to it, is the reason.
func (r Reason) OfProxy() bool {
	return r >= proxyStatuses || r >= ReasonProxyDNS && r <= ReasonProxyBadAnswer
}

// OfAnswer tells whether the server's answer is the reason, by its HTTP status.
func (r Reason) OfAnswer() bool { return r >= 100 && r < proxyStatuses }

// ofProxy is the name of a reason if the other end was a proxy.
func ofProxy(r Reason) Reason {
	switch r {
	case ReasonDNS:
		return ReasonProxyDNS
	case ReasonRefused:
		return ReasonProxyRefused
	case ReasonUnreachable:
		return ReasonProxyUnreachable
	case ReasonReset, ReasonClosed:
		return ReasonProxyClosed
	case ReasonTimeoutResolve, ReasonTimeoutTCP:
		return ReasonProxyTimeout
	}
	return r
}

var reasonNames = [...]string{"", "dns", "refused", "unreachable", "reset", "closed", "tls",
	"timeout_resolve", "timeout_tcp", "timeout_tls", "timeout_upgrade", "bad_upgrade", "bad_accept",
	"bad_subprotocol", "bad_extension", "header_too_large", "no_ports", "no_descriptors", "no_memory", "blocked", "aborted", "other", "login",
	"proxy_dns", "proxy_refused", "proxy_unreachable", "proxy_closed", "proxy_timeout", "proxy_bad_answer",
	"bad_content_type", "bad_content_encoding",
	"http2_unsupported", "http2_no_websocket", "http2_refused", "http2_reset", "http2_goaway", "http2_broken"}

// String is the reason as metrics and reports write it, such as "refused",
// "http_401" or "proxy_407".
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	if r >= proxyStatuses {
		return "proxy_" + strconv.Itoa(int(r-proxyStatuses))
	}
	return "http_" + strconv.Itoa(int(r))
}

func statusReason(status int) Reason { return Reason(status) }

// handshakeReason puts what the handshake package found on the list.
func handshakeReason(err error, status int) Reason {
	switch err {
	case handshake.ErrStatus:
		return statusReason(status)
	case handshake.ErrAccept:
		return ReasonBadAccept
	case handshake.ErrSubprotocol:
		return ReasonBadSubprotocol
	case handshake.ErrExtension:
		return ReasonBadExtension
	case handshake.ErrTooLarge:
		return ReasonHeaderTooLarge
	case handshake.ErrContentType:
		return ReasonBadContentType
	case handshake.ErrEncoding:
		return ReasonBadEncoding
	}
	var wrongAnswer *deflate.AnswerError
	if errors.As(err, &wrongAnswer) {
		return ReasonBadExtension
	}
	return ReasonBadUpgrade
}

// RedirectError is an answer that sends the client elsewhere, where no
// WebSocket client has to follow, and no event stream on another host.
type RedirectError struct {
	// Target is where to, without what may be a secret: user, query and
	// fragment. It is what the peer wrote.
	Target string
	// Endless says that there were more of them than are followed.
	Endless bool
}

func (e *RedirectError) Error() string {
	if e.Endless {
		return fmt.Sprintf("it redirects more than %d times", maxRedirects)
	}
	return "it redirects to " + e.Target
}

// refusal is a wrong answer in words.
func refusal(err error, status int, location []byte) error {
	if len(location) == 0 || status < 300 || status > 399 {
		return err
	}
	target, parseErr := url.Parse(string(location))
	if parseErr != nil || target.Opaque != "" {
		return err
	}
	target.User, target.RawQuery, target.ForceQuery, target.Fragment = nil, "", false, ""
	return &RedirectError{Target: target.String()}
}

// ErrBlocked is what Options.Resolve wraps for a host that must not be
// connected to.
var ErrBlocked = errors.New("not allowed")

// ours are the reasons that lie with this machine, or with how it was told to
// behave.
var ours = [...]Reason{ReasonHeaderTooLarge, ReasonNoPorts, ReasonNoDescriptors, ReasonNoMemory, ReasonBlocked, ReasonAborted}

// IsOurs tells whether this side or its machine is the cause, not the peer.
func (r Reason) IsOurs() bool { return slices.Contains(ours[:], r) || r.OfProxy() }

// A Failure is why one connection was never opened.
type Failure struct {
	Reason Reason
	// Err says it in words; nil where Reason says all.
	Err error
}

func (f Failure) Error() string {
	if f.Err == nil {
		return f.Reason.String()
	}
	return fmt.Sprintf("%s: %v", f.Reason, f.Err)
}

func (f Failure) Unwrap() error { return f.Err }

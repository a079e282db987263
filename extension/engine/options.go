package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/frame"
)

// Transport is how a loop moves bytes.
type Transport string

// The transports. Epoll exists on Linux only.
const (
	Epoll      Transport = "epoll"
	Goroutines Transport = "goroutines"
)

// Options tunes an Engine. A zero field means the default.
type Options struct {
	// Loops is how many loops share the connections. Default: one for each
	// two processors, at least one and at most eight.
	Loops int
	// Transport. Default: Epoll on Linux, Goroutines elsewhere.
	Transport Transport
	// MessageBytes is the largest message taken from a peer; a larger one
	// ends its connection with 1009, by ByGenerator. Default 64 MiB.
	MessageBytes int64
	// BufferedBytes bounds what all connections together hold of messages half
	// received: at least MessageBytes. One that would pass it ends its
	// connection as a message too large does. Default 1 GiB.
	BufferedBytes int64
	buffer        *frame.Buffer // which the loops share
	// UnsentBytes is how much may wait on one connection, for a peer that does
	// not read, before no further message is taken. Default 1 MiB.
	UnsentBytes int
	// AllUnsentBytes bounds what all connections of a loop hold for such peers
	// together: once it is reached, one for which something waits takes no more.
	// Default 256 MiB.
	AllUnsentBytes int
	// HeaderBytes bounds the head of the answer to the handshake, for which
	// HTTP has no limit. Default 64 KiB.
	HeaderBytes int
	// Timeouts bounds the phases of a connection.
	Timeouts Timeouts
	// ReceiveBuffer is the size asked of the kernel for each connection's
	// receive buffer, in bytes; of HTTP/2 it is each stream's window. Default: the
	// kernel's own choice, and 65,535 bytes (RFC 9113 section 6.9.2).
	ReceiveBuffer int
	// Coalesce is how long an idle loop waits for more after the first arrival, as network cards
	// do. It reads many at once, and a sender need not wake it for each. Receive times are the
	// kernel's and stay exact; a handler's reaction to a message is later by this time. Epoll
	// only. Default 0: each arrival is read at once.
	Coalesce time.Duration
	// RealTime has the loops run before every ordinary thread of the machine,
	// so that they read on time beside a busy server. New fails where the
	// system does not permit that, or has no such thing. Default: not.
	RealTime bool
	// Route tells how to get to an endpoint. It is asked by each loop for each
	// endpoint once. Default: straight there.
	Route func(e Endpoint) Route
	// Deflate is what a Listener's connections agree to compress messages by (RFC
	// 7692), where the client offers that. Default: they are not compressed.
	Deflate *deflate.Options
	// Resolve finds where to connect to for a host name and port; it may
	// block. The addresses, one at least, are tried in turn until one takes the
	// connection. An error that wraps ErrBlocked counts as ReasonBlocked, any
	// other as ReasonDNS. Default: the system's resolver, its answers kept for
	// five minutes, those of one family first in turn.
	Resolve func(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error)
	// Blocked tells which hosts and addresses must not be connected to. It is
	// asked once with the host alone, before a look-up, and once with each
	// address. Default: none.
	Blocked func(host string, addr netip.Addr) bool
	// TLS is the base of the configuration for wss URLs; the server name is
	// taken from the URL where it has none, and renegotiation is refused
	// whatever it says. Default: the system's roots.
	TLS *tls.Config
	// ServerTLS secures a Listener's connections; it needs a certificate. If it has no
	// NextProtos, HTTP/2 and HTTP/1.1 are chosen. Default: they are not secured.
	ServerTLS *tls.Config
}

// Timeouts bounds each phase of a connection's life. A zero field means the
// default.
type Timeouts struct {
	Resolve time.Duration // the host's look-up. Default 10s
	TCP     time.Duration // the TCP connection, to all addresses together. Default 10s
	Proxy   time.Duration // CONNECT written to the proxy's answer. Default 10s
	TLS     time.Duration // the TLS handshake. Default 10s
	Upgrade time.Duration // request written to the 101. Default 10s
	Close   time.Duration // our Close frame to the end of the connection. Default 5s
}

func (o Options) withDefaults() (Options, error) {
	if o.Loops == 0 {
		o.Loops = min(max(runtime.GOMAXPROCS(0)/2, 1), 8)
	}
	if o.Transport == "" {
		o.Transport = defaultTransport
	}
	if o.MessageBytes == 0 {
		o.MessageBytes = frame.DefaultMessageBytes
	}
	if o.BufferedBytes == 0 {
		o.BufferedBytes = max(frame.DefaultBufferedBytes, o.MessageBytes)
	}
	if o.UnsentBytes == 0 {
		o.UnsentBytes = 1 << 20
	}
	if o.AllUnsentBytes == 0 {
		o.AllUnsentBytes = 256 << 20
	}
	if o.HeaderBytes == 0 {
		o.HeaderBytes = 64 << 10
	}
	if o.Resolve == nil {
		o.Resolve = newResolver().resolve
	}
	t := &o.Timeouts
	for _, d := range [...]*time.Duration{&t.Resolve, &t.TCP, &t.Proxy, &t.TLS, &t.Upgrade} {
		if *d == 0 {
			*d = 10 * time.Second
		}
	}
	if t.Close == 0 {
		t.Close = 5 * time.Second
	}
	for _, bad := range [...]struct {
		name string
		is   bool
	}{
		{"Loops", o.Loops < 0},
		{"MessageBytes", o.MessageBytes < 0},
		{"BufferedBytes", o.BufferedBytes < 0},
		{"UnsentBytes", o.UnsentBytes < 0},
		{"AllUnsentBytes", o.AllUnsentBytes < 0},
		{"HeaderBytes", o.HeaderBytes < 0},
		{"Coalesce", o.Coalesce < 0},
		{"ReceiveBuffer", o.ReceiveBuffer < 0},
		{"Timeouts", t.Resolve < 0 || t.TCP < 0 || t.Proxy < 0 || t.TLS < 0 || t.Upgrade < 0 || t.Close < 0},
	} {
		if bad.is {
			return o, fmt.Errorf("engine: %s: want no negative value", bad.name)
		}
	}
	if o.Deflate != nil {
		if err := o.Deflate.Check(); err != nil {
			return o, fmt.Errorf("engine: %w", err)
		}
	}
	if o.BufferedBytes < o.MessageBytes {
		return o, fmt.Errorf("engine: BufferedBytes: want at least MessageBytes, %d, got %d", o.MessageBytes, o.BufferedBytes)
	}
	if o.ServerTLS != nil && len(o.ServerTLS.NextProtos) == 0 {
		o.ServerTLS = o.ServerTLS.Clone()
		o.ServerTLS.NextProtos = []string{protocolHTTP2, protocolHTTP1}
	}
	o.buffer = frame.NewBuffer(o.BufferedBytes)
	return o, nil
}

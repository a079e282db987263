package engine

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/wire"
)

// plaintextBytes holds one TLS record (RFC 8446 section 5.1).
const plaintextBytes = 16 << 10

// secure is the TLS layer of a connection. crypto/tls wants a connection that blocks during the
// handshake, so that runs in a goroutine, fed by the loop. Afterwards it reads the bytes that the
// loop has received, until errWait. It takes that error as a pause because it is temporary: a
// connection at rest has no goroutine.
type secure struct {
	c   *Conn
	tls *tls.Conn

	mu        sync.Mutex
	fed       sync.Cond
	in        []byte // received, not yet read by crypto/tls
	ended     error  // no more will be received
	handshake bool   // the goroutine is running
	waiting   bool   // and has used up what was received
}

// errWait says that more must be received first.
var errWait net.Error = waitError{}

type waitError struct{}

func (waitError) Error() string   { return "no bytes received yet" }
func (waitError) Timeout() bool   { return false }
func (waitError) Temporary() bool { return true }

func (c *Conn) startTLS() {
	l := c.loop
	c.state = securing
	c.setDeadline(l.options.Timeouts.TLS)
	s := &secure{c: c, handshake: true}
	s.fed.L = &s.mu
	if c.socket.IsServer() {
		s.tls = tls.Server((*tlsSide)(s), l.options.ServerTLS)
	} else {
		s.tls = tls.Client((*tlsSide)(s), l.tlsConfig(c.opening.endpoint.Host, c.wire == streams))
	}
	c.secure = s
	c.setBetween()
	go func() {
		err := s.tls.Handshake()
		l.Do(func() { s.shaken(err) })
	}()
}

// tlsConfig is the configuration for a host, one for all its connections of one
// version of HTTP.
func (l *Loop) tlsConfig(host string, http2 bool) *tls.Config {
	key := tlsKey{host, http2}
	config := l.tlsConfigs[key]
	if config == nil {
		config = &tls.Config{}
		if base := l.options.TLS; base != nil {
			config = base.Clone()
		}
		if config.ServerName == "" {
			config.ServerName = host
		}
		// It would be a handshake that finds no bytes received yet and cannot
		// wait for them.
		config.Renegotiation = tls.RenegotiateNever
		if http2 {
			config.NextProtos = []string{protocolHTTP2, protocolHTTP1}
		}
		l.tlsConfigs[key] = config
	}
	return config
}

// shaken is called when the handshake is over.
func (s *secure) shaken(err error) {
	c := s.c
	s.mu.Lock()
	s.handshake = false
	s.mu.Unlock()
	if c.state != securing {
		return
	}
	if s.ended != nil {
		// What came before the end says why: TLS 1.3 lets the peer refuse our
		// certificate as late as here.
		for err == nil {
			_, err = s.tls.Read(c.loop.plaintextBuffer())
		}
	}
	if err != nil {
		c.fail(tlsReason(err), err)
		return
	}
	c.opening.Secured = clock.Now()
	if c.socket.IsServer() {
		c.awaitRequest()
	} else {
		c.greet()
	}
	if c.state == dead {
		return
	}
	// What came together with the handshake's end.
	s.received(nil, true, wire.Arrival{Since: c.opening.Connected, At: c.opening.Secured, Read: c.opening.Secured})
}

type tlsKey struct {
	host  string
	http2 bool
}

// isBusy tells whether a handshake that is not over is this side's turn.
func (s *secure) isBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.waiting || len(s.in) > 0
}

func tlsReason(err error) Reason {
	if r := errnoReason(err); r != ReasonOther {
		return r
	}
	return ReasonTLS
}

// received takes bytes from the wire.
func (s *secure) received(b []byte, more bool, a wire.Arrival) {
	c := s.c
	s.mu.Lock()
	handshake := s.handshake
	if handshake || len(s.in) > 0 {
		s.in = append(s.in, b...)
	} else {
		s.in = b // all read before this call returns
	}
	s.mu.Unlock()
	if handshake {
		s.fed.Signal()
		return
	}
	more = more || !isOneRecord(b)
	l, plaintext := c.loop, c.loop.plaintextBuffer()
	for c.state != dead && c.secure == s { // a redirect leaves it
		n, err := s.tls.Read(plaintext)
		if n > 0 {
			c.takeBytes(plaintext[:n], more, a)
		}
		if err == nil {
			continue
		}
		if err != errWait && c.state != dead && c.secure == s {
			l.broken(c, err)
		}
		break
	}
	s.in = nil
}

func (l *Loop) plaintextBuffer() []byte {
	if l.plaintext == nil {
		l.plaintext = make([]byte, plaintextBytes)
	}
	return l.plaintext
}

// isOneRecord tells whether b is a whole record of TLS (RFC 8446 section 5.1)
// and nothing else.
func isOneRecord(b []byte) bool {
	const headerBytes = 5
	return len(b) >= headerBytes && len(b) == headerBytes+int(b[3])<<8+int(b[4])
}

// send encrypts and sends.
func (s *secure) send(b []byte) error {
	_, err := s.tls.Write(b)
	return err
}

// goodbye sends TLS's own end.
func (s *secure) goodbye() { s.tls.CloseWrite() }

// free ends a handshake that is still running.
func (s *secure) free() { s.cut(net.ErrClosed) }

// cut says that nothing more will be received.
func (s *secure) cut(err error) {
	s.mu.Lock()
	s.ended = err
	s.mu.Unlock()
	s.fed.Signal()
}

// tlsSide is a secure as crypto/tls sees it: the wire.
type tlsSide secure

func (t *tlsSide) Read(b []byte) (int, error) {
	s := (*secure)(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.handshake && len(s.in) == 0 && s.ended == nil {
		s.waiting = true
		s.fed.Wait()
	}
	s.waiting = false
	switch {
	case len(s.in) > 0:
	case s.ended != nil:
		return 0, s.ended
	default:
		return 0, errWait
	}
	n := copy(b, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (t *tlsSide) Write(b []byte) (int, error) {
	s := (*secure)(t)
	s.mu.Lock()
	handshake := s.handshake
	s.mu.Unlock()
	if !handshake {
		return len(b), s.c.writeWire(b)
	}
	flight := append([]byte(nil), b...)
	written := s.c.loop.Do(func() {
		if s.c.state == securing {
			if err := s.c.writeWire(flight); err != nil {
				s.cut(err)
			}
		}
	})
	if !written {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

// Close is called by crypto/tls only when it is told to close, which it is not.
func (t *tlsSide) Close() error { return errors.ErrUnsupported }

func (t *tlsSide) LocalAddr() net.Addr              { return nil }
func (t *tlsSide) RemoteAddr() net.Addr             { return nil }
func (t *tlsSide) SetDeadline(time.Time) error      { return nil }
func (t *tlsSide) SetReadDeadline(time.Time) error  { return nil }
func (t *tlsSide) SetWriteDeadline(time.Time) error { return nil }

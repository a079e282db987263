package conform

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// needsHTTP1 tells a case whose handshake cannot be said in HTTP/2: its subject is
// what HTTP/1.1 says.
func (c *Case) needsHTTP1() bool {
	o := &c.Open
	return len(o.Edit) > 0 || o.Chop > 0 || o.Gap > 0 || o.Cut > 0 || len(o.Then) > 0 ||
		o.Check != nil || o.CheckRefusal != nil || o.Want != Accept
}

// isOfHTTP2 tells a case that is about HTTP/2 itself.
func (c *Case) isOfHTTP2() bool { return c.Stream != nil || c.Reply != nil }

// overHTTP2 is a connection on a stream of HTTP/2 (RFC 8441), the only one of its
// TCP connection. A case sees one of HTTP/1.1, whose upgrade stands for the
// extended CONNECT, and whose FIN is END_STREAM.
type overHTTP2 struct {
	net.Conn // this side's end of a pipe
	tcp      net.Conn
	said     *io.PipeWriter // to the server
	cancel   context.CancelFunc
	end      atomic.Pointer[error] // why the server's bytes ended, but for END_STREAM
	written  atomic.Int64          // bytes
	passed   atomic.Int64          // of them, handed to HTTP/2
	moved    chan struct{}         // that passed has grown
}

// BeginHTTP2 speaks HTTP/2 on a connection: one whose TLS handshake chose it, or one without TLS.
func BeginHTTP2(conn net.Conn) (*http2.ClientConn, error) {
	if secured, is := conn.(*tls.Conn); is && secured.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		return nil, fmt.Errorf("the server did not choose h2 in the TLS handshake (ALPN)")
	}
	return (&http2.Transport{AllowHTTP: true, DisableCompression: true}).NewClientConn(conn)
}

// ReachHTTP2 tells why a server does not speak HTTP/2 on a connection, nil if it does. It waits
// for silence at most, 0 for ever.
func ReachHTTP2(ctx context.Context, conn net.Conn, silence time.Duration) error {
	session, err := BeginHTTP2(conn)
	if err != nil {
		return err
	}
	if silence > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, silence)
		defer cancel()
	}
	if err := session.Ping(ctx); err != nil {
		return fmt.Errorf("the server does not answer a PING of HTTP/2: %w", err)
	}
	return nil
}

func newOverHTTP2(tcp net.Conn, target *url.URL) (*overHTTP2, error) {
	session, err := BeginHTTP2(tcp)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	body, said := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	c := &overHTTP2{Conn: near, tcp: tcp, said: said, cancel: cancel, moved: make(chan struct{}, 1)}
	go func() {
		defer far.Close()
		if err := c.carry(ctx, session, target, far, body); err != nil {
			c.end.Store(&err)
		}
		c.passedOn(0)
	}()
	return c, nil
}

// carry asks for the WebSocket, answers as HTTP/1.1 would, and passes on bytes.
func (c *overHTTP2) carry(ctx context.Context, session *http2.ClientConn, target *url.URL, far net.Conn, body *io.PipeReader) error {
	from := bufio.NewReader(far)
	asked, all, err := readHead(from)
	if err != nil {
		return err
	}
	c.passedOn(len(all))
	request := (&http.Request{
		Method: http.MethodConnect, Host: target.Host, Body: body, Header: http.Header{":protocol": {"websocket"}},
		URL: &url.URL{
			Scheme: map[string]string{"ws": "http", "wss": "https"}[target.Scheme],
			Host:   target.Host, Path: target.Path, RawPath: target.RawPath, RawQuery: target.RawQuery,
		},
	}).WithContext(ctx)
	key := ""
	for _, line := range asked.lines {
		switch strings.ToLower(line.name) {
		case "sec-websocket-key":
			key = line.value
		case "host", "upgrade", "connection":
		default:
			request.Header.Add(line.name, line.value)
		}
	}
	answer, err := session.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	go func() {
		_, err := io.Copy(passer{c}, from)
		c.said.CloseWithError(err)
	}()
	if _, err := io.WriteString(far, headOf(answer, key)); err != nil {
		return nil // the case is over
	}
	_, err = io.Copy(far, answer.Body)
	return err
}

// headOf is an answer as HTTP/1.1 says it.
func headOf(answer *http.Response, key string) string {
	h := &head{line: fmt.Sprintf("HTTP/1.1 %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))}
	if answer.StatusCode/100 == 2 {
		h.line = "HTTP/1.1 101 Switching Protocols"
		h.lines = []headerLine{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", acceptOf(key)}}
	}
	for name, values := range answer.Header {
		for _, value := range values {
			h.lines = append(h.lines, headerLine{name, value})
		}
	}
	return h.String()
}

// Read is part of net.Conn. A stream that was reset ends as a connection that was.
func (c *overHTTP2) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == io.EOF {
		if why := c.end.Load(); why != nil {
			return n, *why
		}
	}
	return n, err
}

// Write is part of net.Conn.
func (c *overHTTP2) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// passer hands bytes to HTTP/2, and counts them.
type passer struct{ *overHTTP2 }

func (p passer) Write(b []byte) (int, error) {
	n, err := p.said.Write(b)
	p.passedOn(n)
	return n, err
}

func (c *overHTTP2) passedOn(n int) {
	c.passed.Add(int64(n))
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

// CloseWrite sends END_STREAM behind what was written.
func (c *overHTTP2) CloseWrite() error {
	for c.end.Load() == nil && c.passed.Load() < c.written.Load() {
		<-c.moved
	}
	return c.said.Close()
}

// Close ends the stream and its TCP connection.
func (c *overHTTP2) Close() error {
	c.cancel()
	c.Conn.Close()
	return c.tcp.Close()
}

package sse

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"xk6-realtime/conform"
)

// Server is a server to test.
type Server struct {
	Agent string
	// URL is an event stream.
	URL *url.URL
	// Header are lines to add to each request.
	Header http.Header
	// Publish makes the server write an event, by POST; nil if it writes events by itself. Body
	// is the body of the request: ${text} stands for a text, as in a JSON string.
	Publish *url.URL
	Body    string
	// Gone is a stream that the server has no more, which 204 says; nil for none.
	Gone *url.URL
	// KeepAlive is within which time a comment is looked for. Default 20s.
	KeepAlive time.Duration
	TLS       *tls.Config

	o         Options
	published atomic.Int64
}

// ServerCases are the cases, as they are listed.
func ServerCases() (all []Listed) {
	for _, c := range serverCases() {
		all = append(all, c.Listed)
	}
	return all
}

// Reach tells why there is no connection to the server, nil if there is one.
func (s *Server) Reach(ctx context.Context, o Options) error {
	s.o = o.withDefaults()
	conn, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("could not connect to %s://%s: %w", s.URL.Scheme, s.URL.Host, err)
	}
	return conn.Close()
}

// Run plays the cases that chosen names, one after the other: they publish to the
// same stream.
func (s *Server) Run(ctx context.Context, chosen func(id string) bool, o Options) []conform.Result {
	o.Parallel = 1
	s.o = o.withDefaults()
	if s.KeepAlive == 0 {
		s.KeepAlive = 20 * time.Second
	}
	var cases []*serverCase
	for i := range serverCases() {
		if one := &serverCases()[i]; chosen(one.ID) {
			cases = append(cases, one)
		}
	}
	return each(cases, s.o, func() bool { return ctx.Err() != nil }, func(c *serverCase) conform.Result {
		p := &serverPlay{Server: s, ctx: ctx, wire: newWire()}
		v, why := c.play(p)
		p.end()
		return p.wire.result(s.Agent, c.Listed, v, why, nil, p.said)
	})
}

func (s *Server) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Silence)
	defer cancel()
	return conform.Dial(ctx, s.URL, s.TLS, "http/1.1")
}

// serverPlay is one case under way.
type serverPlay struct {
	*Server
	ctx   context.Context
	wire  *wire
	conns []net.Conn
	said  []string // events, for the result
}

func (p *serverPlay) end() {
	for _, c := range p.conns {
		c.Close()
	}
}

// stream is an answer to a request.
type stream struct {
	*strict
	play     *serverPlay
	conn     net.Conn
	response *http.Response
}

// ask sends a request for the stream, with lines of the case's own, and reads the
// head of the answer.
func (p *serverPlay) ask(lines ...string) (*stream, error) {
	return p.askFor(p.URL, "HTTP/1.1", lines...)
}

func (p *serverPlay) askFor(at *url.URL, version string, lines ...string) (*stream, error) {
	conn, err := p.dial(p.ctx)
	if err != nil {
		return nil, err
	}
	p.conns = append(p.conns, conn)
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s %s\r\nHost: %s\r\nUser-Agent: k6-realtime conform\r\n", at.RequestURI(), version, at.Host)
	own := strings.ToLower(strings.Join(lines, "\n"))
	if !strings.Contains(own, "accept:") {
		b.WriteString("Accept: text/event-stream\r\n")
	}
	shown := b.String()
	for name, values := range p.Header {
		for _, value := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
			shown += name + ": (not shown)\r\n"
		}
	}
	for _, line := range lines {
		b.WriteString(line + "\r\n")
		shown += line + "\r\n"
	}
	b.WriteString("\r\n")
	p.wire.add("us", strings.Replace(shown, at.RawQuery, "(not shown)", min(len(at.RawQuery), 1)))
	conn.SetDeadline(time.Now().Add(p.o.Silence))
	if _, err := conn.Write(b.Bytes()); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		p.wire.add("", "no answer: "+err.Error())
		return nil, err
	}
	p.wire.add("testee", fmt.Sprintf("%s %v", response.Status, response.Header))
	return &stream{strict: newStrict(response.Body), play: p, conn: conn, response: response}, nil
}

// open is ask, where a stream must be the answer.
func (p *serverPlay) open(lines ...string) (*stream, error) {
	s, err := p.ask(lines...)
	if err == nil && s.response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the answer was %s", s.response.Status)
	}
	return s, err
}

// errNothing: no event came.
var errNothing = errors.New("no event came")

// read reads an event within the time that a testee has.
func (s *stream) read() (event, error) {
	s.conn.SetReadDeadline(time.Now().Add(s.play.o.Silence))
	e, err := s.next()
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return e, errNothing
	}
	if err == nil {
		s.play.wire.add("testee", fmt.Sprintf("event %s, id %q: %s", e.kind, e.id, e.data))
		s.play.said = append(s.play.said, fmt.Sprintf("%s %q", e.kind, shorten(e.data)))
	}
	return e, err
}

// readUntil reads events until one has a text in its data.
func (s *stream) readUntil(text string) (all []event, err error) {
	for {
		e, err := s.read()
		if err != nil {
			return all, err
		}
		all = append(all, e)
		if strings.Contains(e.data, text) {
			return all, nil
		}
	}
}

// text is one that no other publication has.
func (p *serverPlay) text() string {
	return fmt.Sprintf("conform-%d-%d", time.Now().UnixNano(), p.published.Add(1))
}

// publish has the server write an event with a text in it. It returns false where
// the server is not told to: it writes what it likes.
func (p *serverPlay) publish(text string) (bool, error) {
	if p.Publish == nil {
		return false, nil
	}
	body := strings.ReplaceAll(p.Body, "${text}", shorten(text))
	request, err := http.NewRequestWithContext(p.ctx, "POST", p.Publish.String(), strings.NewReader(body))
	if err != nil {
		return true, err
	}
	request.Header = p.Header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Header.Set("Content-Type", "application/json")
	p.wire.add("us", "POST "+body)
	client := &http.Client{Timeout: p.o.Silence, Transport: &http.Transport{TLSClientConfig: p.TLS.Clone(), DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return true, fmt.Errorf("the publication failed: %w", err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	if response.StatusCode/100 != 2 {
		return true, fmt.Errorf("the publication was answered with %s", response.Status)
	}
	return true, nil
}

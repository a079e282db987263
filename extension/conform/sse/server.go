package sse

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
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
	// HTTP2 has each request be a stream of HTTP/2: by prior knowledge, or chosen in the TLS
	// handshake.
	HTTP2 bool

	o         Options
	published atomic.Int64
}

// ServerCases are all cases, as they are listed.
func ServerCases() (all []Listed) {
	for _, c := range serverCases() {
		all = append(all, c.Listed)
	}
	return all
}

// Cases are those over the version of HTTP that the server is asked in.
func (s *Server) Cases() []Listed {
	return slices.DeleteFunc(ServerCases(), func(c Listed) bool { return !s.plays(c) })
}

func (s *Server) plays(c Listed) bool { return c.HTTP == "" || s.HTTP2 == (c.HTTP == "2") }

// Reach tells why there is no connection to the server, nil if there is one.
func (s *Server) Reach(ctx context.Context, o Options) error {
	s.o = o.withDefaults()
	conn, err := s.dial(ctx, s.URL)
	if err == nil {
		defer conn.Close()
		if s.HTTP2 {
			err = conform.ReachHTTP2(ctx, conn, s.o.Silence)
		}
	}
	if err != nil {
		return fmt.Errorf("could not connect to %s://%s: %w", s.URL.Scheme, s.URL.Host, err)
	}
	return nil
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
		if one := &serverCases()[i]; s.plays(one.Listed) && chosen(one.ID) {
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

func (s *Server) dial(ctx context.Context, at *url.URL) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Silence)
	defer cancel()
	return conform.Dial(ctx, at, s.TLS, s.HTTP2)
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

// connect dials. The connection ends with the case.
func (p *serverPlay) connect(at *url.URL) (net.Conn, error) {
	conn, err := p.dial(p.ctx, at)
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

// ask sends a request for the stream, with lines of the case's own, and reads the
// head of the answer.
func (p *serverPlay) ask(lines ...string) (*stream, error) { return p.askFor(p.URL, lines...) }

func (p *serverPlay) askFor(at *url.URL, lines ...string) (*stream, error) {
	if !p.HTTP2 {
		return p.askInHTTP1(at, "HTTP/1.1", lines...)
	}
	s, err := p.session(at)
	if err != nil {
		return nil, err
	}
	return s.ask(at, lines...)
}

// fields are the lines of a request: the case's own, the usual ones, and the caller's. In shown,
// the values of the caller's are left out.
func (p *serverPlay) fields(own []string) (all, shown []string) {
	all = []string{"User-Agent: k6-realtime conform"}
	if !strings.Contains(strings.ToLower(strings.Join(own, "\n")), "accept:") {
		all = append(all, "Accept: text/event-stream")
	}
	all = append(all, own...)
	shown = slices.Clone(all)
	for name, values := range p.Header {
		for _, value := range values {
			all = append(all, name+": "+value)
			shown = append(shown, name+": (not shown)")
		}
	}
	return all, shown
}

// target is where a request goes, without what may be secret.
func target(at *url.URL) string {
	return strings.Replace(at.RequestURI(), at.RawQuery, "(not shown)", min(len(at.RawQuery), 1))
}

func (p *serverPlay) askInHTTP1(at *url.URL, version string, own ...string) (*stream, error) {
	conn, err := p.connect(at)
	if err != nil {
		return nil, err
	}
	fields, shown := p.fields(own)
	head := func(target string, fields []string) string {
		return fmt.Sprintf("GET %s %s\r\nHost: %s\r\n%s\r\n\r\n", target, version, at.Host, strings.Join(fields, "\r\n"))
	}
	p.wire.add("us", head(target(at), shown))
	conn.SetDeadline(time.Now().Add(p.o.Silence))
	defer conn.SetDeadline(time.Time{})
	if _, err := io.WriteString(conn, head(at.RequestURI(), fields)); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	return p.answered(conn, response, err)
}

func (p *serverPlay) answered(conn net.Conn, response *http.Response, err error) (*stream, error) {
	if err != nil {
		p.wire.add("", "no answer: "+err.Error())
		return nil, err
	}
	p.wire.add("testee", fmt.Sprintf("%s %v", response.Status, response.Header))
	return &stream{strict: newStrict(response.Body), play: p, conn: conn, response: response}, nil
}

// open is ask, where a stream must be the answer.
func (p *serverPlay) open(lines ...string) (*stream, error) { return mustBeOpen(p.ask(lines...)) }

func mustBeOpen(s *stream, err error) (*stream, error) {
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
	defer s.conn.SetReadDeadline(time.Time{}) // a session of HTTP/2 reads all the time
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

// protocols are the versions of HTTP for publications.
func (s *Server) protocols() *http.Protocols {
	var all http.Protocols
	all.SetHTTP1(!s.HTTP2)
	all.SetHTTP2(s.HTTP2)
	all.SetUnencryptedHTTP2(s.HTTP2)
	return &all
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
	client := &http.Client{Timeout: p.o.Silence, Transport: &http.Transport{
		TLSClientConfig: p.TLS.Clone(), DisableKeepAlives: true, Protocols: p.protocols(),
	}}
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

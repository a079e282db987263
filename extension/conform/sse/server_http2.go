package sse

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"xk6-realtime/conform"
)

// session is a connection of HTTP/2 to the server, for any number of streams.
type session struct {
	*http2.ClientConn
	play *serverPlay
	conn net.Conn
}

func (p *serverPlay) session(at *url.URL) (*session, error) {
	conn, err := p.connect(at)
	if err != nil {
		return nil, err
	}
	over, err := conform.BeginHTTP2(conn)
	return &session{over, p, conn}, err
}

// ask is [serverPlay.ask] on one more stream of a session.
func (s *session) ask(at *url.URL, own ...string) (*stream, error) {
	p := s.play
	request, err := http.NewRequestWithContext(p.ctx, "GET", at.String(), nil)
	if err != nil {
		return nil, err
	}
	fields, shown := p.fields(own)
	for _, line := range fields {
		name, value, _ := strings.Cut(line, ":")
		request.Header.Add(name, strings.TrimSpace(value))
	}
	p.wire.add("us", "HEADERS\n"+strings.Join(append([]string{":method: GET", ":authority: " + at.Host, ":path: " + target(at)}, shown...), "\n"))
	s.conn.SetDeadline(time.Now().Add(p.o.Silence))
	defer s.conn.SetDeadline(time.Time{})
	response, err := s.RoundTrip(request)
	return p.answered(s.conn, response, err)
}

// open is [serverPlay.open] on one more stream of a session.
func (s *session) open() (*stream, error) { return mustBeOpen(s.ask(s.play.URL)) }

// hasNoHop looks for the fields that are of one connection of HTTP/1.1.
func hasNoHop(_ *serverPlay, s *stream) (conform.Behavior, string) {
	for _, name := range conform.ConnectionFields {
		if values := s.response.Header.Values(name); len(values) > 0 {
			return failed("the answer has the field %s: %s", name, strings.Join(values, ", "))
		}
	}
	return pass()
}

// two opens two streams of one connection.
func (p *serverPlay) two() (first, second *stream, err error) {
	over, err := p.session(p.URL)
	if err != nil {
		return nil, nil, err
	}
	if first, err = over.open(); err != nil {
		return nil, nil, err
	}
	second, err = over.open()
	return first, second, err
}

func sharesConnection(p *serverPlay) (conform.Behavior, string) {
	first, second, err := p.two()
	if err != nil {
		return failed("%v", err)
	}
	return getTheSame(p, first, second)
}

func endsOneStream(p *serverPlay) (conform.Behavior, string) {
	staying, leaving, err := p.two()
	if err != nil {
		return failed("%v", err)
	}
	leaving.response.Body.Close() // which sends RST_STREAM
	if _, err := staying.publishAndRead(2); err != nil {
		return verdictOn(err)
	}
	return pass()
}

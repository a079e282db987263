package sse

import (
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"xk6-realtime/conform"
)

func hasType(p *serverPlay) (conform.Behavior, string) {
	s, err := p.ask()
	if err != nil {
		return failed("%v", err)
	}
	kind, _, err := mime.ParseMediaType(s.response.Header.Get("Content-Type"))
	if s.response.StatusCode != http.StatusOK || err != nil || kind != "text/event-stream" {
		return failed("the answer was %s with Content-Type %q", s.response.Status, s.response.Header.Get("Content-Type"))
	}
	return pass()
}

func hasCharset(_ *serverPlay, s *stream) (conform.Behavior, string) {
	_, params, _ := mime.ParseMediaType(s.response.Header.Get("Content-Type"))
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return failed("charset is %q", charset)
	}
	return pass()
}

func isUncached(_ *serverPlay, s *stream) (conform.Behavior, string) {
	control := strings.ToLower(s.response.Header.Get("Cache-Control"))
	if strings.Contains(control, "no-store") || strings.Contains(control, "no-cache") {
		return pass()
	}
	return preferred("Cache-Control is %q", control)
}

// comesAtOnce waits for the head while nothing is published.
func comesAtOnce(p *serverPlay) (conform.Behavior, string) {
	waits := p.o.Calm
	silence := p.o.Silence
	p.o.Silence = waits
	_, err := p.open()
	p.o.Silence = silence
	if err == nil {
		return pass()
	}
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return preferred("no head came within %v, in which nothing was published: browsers have no stream until then", waits)
	}
	return failed("%v", err)
}

func knowsOldHTTP(p *serverPlay) (conform.Behavior, string) {
	s, err := p.askInHTTP1(p.URL, "HTTP/1.0")
	if err != nil {
		return preferred("no answer: %v", err)
	}
	if len(s.response.TransferEncoding) > 0 {
		return failed("the answer has Transfer-Encoding %v", s.response.TransferEncoding)
	}
	return pass()
}

func withAccept(line string, must bool) play {
	return func(p *serverPlay) (conform.Behavior, string) {
		s, err := p.ask(line)
		if err != nil {
			return failed("%v", err)
		}
		if !must {
			return informs("the answer was %s", s.response.Status)
		}
		if s.response.StatusCode != http.StatusOK {
			return failed("the answer was %s", s.response.Status)
		}
		return pass()
	}
}

func headSlowly(p *serverPlay) (conform.Behavior, string) {
	conn, err := p.connect(p.URL)
	if err != nil {
		return failed("%v", err)
	}
	conn.SetDeadline(time.Now().Add(p.o.Silence))
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n", p.URL.RequestURI(), p.URL.Host)
	for name, values := range p.Header {
		head += fmt.Sprintf("%s: %s\r\n", name, values[0])
	}
	for _, b := range []byte(head + "\r\n") {
		if _, err := conn.Write([]byte{b}); err != nil {
			return failed("the server ended the connection: %v", err)
		}
	}
	answer := make([]byte, len("HTTP/1.1 200"))
	if _, err := conn.Read(answer[:1]); err != nil {
		return failed("no answer: %v", err)
	}
	return pass()
}

func isGone(p *serverPlay) (conform.Behavior, string) {
	if p.Gone == nil {
		return unimplemented("it needs --gone, a stream that the server has no more")
	}
	s, err := p.askFor(p.Gone)
	switch {
	case err != nil:
		return failed("%v", err)
	case s.response.StatusCode != http.StatusNoContent:
		return failed("the answer was %s", s.response.Status)
	}
	return pass()
}

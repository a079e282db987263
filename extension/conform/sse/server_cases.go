package sse

import (
	"fmt"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"xk6-realtime/conform"
)

// serverCase is one test of a server.
type serverCase struct {
	Listed
	play func(p *serverPlay) (conform.Behavior, string)
}

const passes = "as the specification has it"

func pass() (conform.Behavior, string) { return conform.OK, passes }
func failed(format string, args ...any) (conform.Behavior, string) {
	return conform.Failed, fmt.Sprintf(format, args...)
}
func preferred(format string, args ...any) (conform.Behavior, string) {
	return conform.NonStrict, fmt.Sprintf(format, args...)
}
func unimplemented(format string, args ...any) (conform.Behavior, string) {
	return conform.Unimplemented, fmt.Sprintf(format, args...)
}
func informs(format string, args ...any) (conform.Behavior, string) {
	return conform.Informational, fmt.Sprintf(format, args...)
}

const needsEvents = "no event came; --publish has the server write some"

// serverCases are all, by their numbers.
var serverCases = sync.OnceValue(func() (all []serverCase) {
	numbered := func(group int, cases ...serverCase) {
		for i := range cases {
			cases[i].ID = fmt.Sprintf("%d.%d", group, i+1)
			all = append(all, cases[i])
		}
	}
	one := func(title, spec string, play func(p *serverPlay) (conform.Behavior, string)) serverCase {
		return serverCase{Listed{Title: title, Spec: spec}, play}
	}
	numbered(1,
		one("The answer is 200 with the type text/event-stream.", processing, hasType),
		one("The charset is utf-8 or none.", "WHATWG HTML 9.2.5", hasCharset),
		one("The answer may not be stored (Cache-Control: no-store or no-cache).", authoring, isUncached),
		one("The head comes at once, before any event.", processing, comesAtOnce),
		one("HTTP/1.0 gets no chunks.", "RFC 9112 6.1", knowsOldHTTP),
		one("A client that takes other types too gets the stream.", processing, withAccept("Accept: */*", true)),
		one("A client that does not take event streams: tells what it gets.", "RFC 9110 12.5.1", withAccept("Accept: application/json", false)),
		one("The head octet by octet.", "RFC 9112 2", headSlowly),
	)
	numbered(2,
		one("What is written is lines of the grammar, in UTF-8.", parsing, isGrammatical),
		one("An event ends with its empty line, without waiting for the next event.", parsing, isFlushed),
		one("Line ends in a published text make no fields.", parsing, isInjected),
		one("Text beyond ASCII comes as UTF-8.", parsing, isUTF8),
	)
	numbered(3,
		one("Events have ids.", reconnecting, hasIDs),
		one("Last-Event-ID: what came after it is sent again, in order and once.", reconnecting, resumes),
		one("Last-Event-ID of the last event: nothing is sent again.", reconnecting, resumesAtEnd),
		one("An unknown Last-Event-ID is no error.", reconnecting, oddID("no-such-id")),
		one("A Last-Event-ID of 4,000 characters does the server no harm.", reconnecting, oddID(strings.Repeat("x", 4_000))),
		one("A Last-Event-ID in UTF-8 is no error.", processing, oddID("naïve 東京")),
		one("Two subscribers get the same events.", processing, reachesBoth),
		one("A subscriber that is reset does the others no harm.", processing, survivesReset),
	)
	numbered(4,
		one("retry has digits: tells what the server asks for.", parsing, hasRetry),
		one("A comment, or an event, comes often enough to keep a connection alive.", authoring, keepsAlive),
		one("204 No Content tells a client to stop.", processing, isGone),
	)
	return all
})

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

func hasCharset(p *serverPlay) (conform.Behavior, string) {
	s, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	_, params, _ := mime.ParseMediaType(s.response.Header.Get("Content-Type"))
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return failed("charset is %q", charset)
	}
	return pass()
}

func isUncached(p *serverPlay) (conform.Behavior, string) {
	s, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	control := strings.ToLower(s.response.Header.Get("Cache-Control"))
	if strings.Contains(control, "no-store") || strings.Contains(control, "no-cache") {
		return pass()
	}
	return preferred("Cache-Control is %q", control)
}

// comesAtOnce publishes where no head comes: if it comes then, it waited.
func comesAtOnce(p *serverPlay) (conform.Behavior, string) {
	waits := p.o.Calm
	silence := p.o.Silence
	p.o.Silence = waits
	_, err := p.open()
	p.o.Silence = silence
	if err == nil {
		return pass()
	}
	if late, is := err.(net.Error); is && late.Timeout() {
		return preferred("no head came within %v, in which nothing was published: browsers have no stream until then", waits)
	}
	return failed("%v", err)
}

func knowsOldHTTP(p *serverPlay) (conform.Behavior, string) {
	s, err := p.askFor("GET", p.URL, "HTTP/1.0")
	if err != nil {
		return preferred("no answer: %v", err)
	}
	if len(s.response.TransferEncoding) > 0 {
		return failed("the answer has Transfer-Encoding %v", s.response.TransferEncoding)
	}
	return pass()
}

func withAccept(line string, must bool) func(p *serverPlay) (conform.Behavior, string) {
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
	conn, err := p.dial(p.ctx)
	if err != nil {
		return failed("%v", err)
	}
	p.conns = append(p.conns, conn)
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

// some publishes and reads n events; fewer where the server writes by itself, or
// not at all.
func (p *serverPlay) some(n int, lines ...string) (*stream, []event, error) {
	s, err := p.open(lines...)
	if err != nil {
		return nil, nil, err
	}
	all, err := s.publishAndRead(n)
	return s, all, err
}

func (s *stream) publishAndRead(n int) (all []event, err error) {
	for range n {
		text := s.play.text()
		told, err := s.play.publish(text)
		if err != nil {
			return all, err
		}
		if !told {
			e, err := s.read()
			if err != nil {
				return all, err
			}
			all = append(all, e)
			continue
		}
		came, err := s.readUntil(text)
		if err != nil {
			return all, err
		}
		all = append(all, came[len(came)-1])
	}
	return all, nil
}

func verdictOn(err error) (conform.Behavior, string) {
	if err == errNothing {
		return unimplemented(needsEvents)
	}
	return failed("%v", err)
}

func isGrammatical(p *serverPlay) (conform.Behavior, string) {
	s, _, err := p.some(5)
	switch {
	case err != nil:
		return verdictOn(err)
	case len(s.wrong) > 0:
		return failed("%s", strings.Join(s.wrong, "; "))
	case len(s.odd) > 0:
		return preferred("%s", s.odd[0])
	}
	return pass()
}

func isFlushed(p *serverPlay) (conform.Behavior, string) {
	if p.Publish == nil {
		return unimplemented("it needs --publish")
	}
	s, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	text := p.text()
	if _, err := p.publish(text); err != nil {
		return failed("%v", err)
	}
	if _, err := s.readUntil(text); err != nil {
		return failed("the one event that was published did not come: %v", err)
	}
	return pass()
}

func isInjected(p *serverPlay) (conform.Behavior, string) {
	if p.Publish == nil {
		return unimplemented("it needs --publish")
	}
	s, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	end := p.text()
	for _, lineEnd := range []string{"\n", "\r", "\r\n"} {
		evil := strings.Join([]string{"a", "id: injected", "event: injected", "", "data: injected", "", "b"}, lineEnd)
		if _, err := p.publish(evil); err != nil {
			return failed("%v", err)
		}
	}
	if _, err := p.publish(end); err != nil {
		return failed("%v", err)
	}
	all, err := s.readUntil(end)
	if err != nil {
		return failed("the event behind it did not come: %v", err)
	}
	for _, e := range all {
		if e.id == "injected" || e.kind == "injected" || e.data == "injected" {
			return failed("a published text became fields of the stream: event %q, id %q, data %q", e.kind, e.id, shorten(e.data))
		}
	}
	return pass()
}

func isUTF8(p *serverPlay) (conform.Behavior, string) {
	if p.Publish == nil {
		return unimplemented("it needs --publish")
	}
	s, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	text := "naïve 東京 🎉 " + p.text()
	if _, err := p.publish(text); err != nil {
		return failed("%v", err)
	}
	_, err = s.readUntil(text[strings.LastIndex(text, " ")+1:])
	switch {
	case err != nil:
		return failed("the event did not come: %v", err)
	case len(s.wrong) > 0:
		return failed("%s", strings.Join(s.wrong, "; "))
	}
	return pass()
}

func hasIDs(p *serverPlay) (conform.Behavior, string) {
	_, all, err := p.some(3)
	if err != nil {
		return verdictOn(err)
	}
	if slices.ContainsFunc(all, func(e event) bool { return !e.hasID }) {
		return informs("events have no id, so that no client can go on where it was")
	}
	return informs("events have ids, the last %q", all[len(all)-1].id)
}

// seen are events with ids, in order.
func (p *serverPlay) seen() (s *stream, all []event, v conform.Behavior, why string) {
	s, all, err := p.some(5)
	if err != nil {
		v, why = verdictOn(err)
	} else if slices.ContainsFunc(all, func(e event) bool { return e.id == "" }) {
		v, why = unimplemented("events have no ids")
	}
	return s, all, v, why
}

func resumes(p *serverPlay) (conform.Behavior, string) {
	s, all, v, why := p.seen()
	if v != "" {
		return v, why
	}
	s.conn.Close()
	again, err := p.open("Last-Event-ID: " + all[1].id)
	if err != nil {
		return failed("%v", err)
	}
	last := all[len(all)-1]
	end := last.data
	if p.Publish != nil {
		end = p.text()
		if _, err := p.publish(end); err != nil {
			return failed("%v", err)
		}
	}
	came, err := again.readUntil(end)
	if err != nil {
		return preferred("what had come after the id was not sent again: %v", err)
	}
	var ids []string
	for _, e := range came {
		if e.id != "" && !strings.Contains(e.data, end) || e.id == last.id {
			ids = append(ids, e.id)
		}
	}
	wanted := []string{all[2].id, all[3].id, all[4].id}
	switch {
	case slices.Equal(ids, wanted):
		return pass()
	case len(ids) == 0:
		return preferred("the server does not replay: nothing of what had come after the id was sent again")
	}
	return failed("after %q came the ids %q, expected %q", all[1].id, ids, wanted)
}

func resumesAtEnd(p *serverPlay) (conform.Behavior, string) {
	if p.Publish == nil {
		return unimplemented("it needs --publish")
	}
	s, all, v, why := p.seen()
	if v != "" {
		return v, why
	}
	s.conn.Close()
	again, err := p.open("Last-Event-ID: " + all[len(all)-1].id)
	if err != nil {
		return failed("%v", err)
	}
	text := p.text()
	if _, err := p.publish(text); err != nil {
		return failed("%v", err)
	}
	came, err := again.readUntil(text)
	if err != nil {
		return failed("%v", err)
	}
	for _, e := range came {
		if slices.ContainsFunc(all, func(old event) bool { return old.id == e.id }) {
			return failed("the id %q came again", e.id)
		}
	}
	return pass()
}

func oddID(id string) func(p *serverPlay) (conform.Behavior, string) {
	return func(p *serverPlay) (conform.Behavior, string) {
		s, err := p.ask("Last-Event-ID: " + id)
		if err != nil {
			return failed("no answer: %v", err)
		}
		if status := s.response.StatusCode; status >= 500 {
			return failed("the answer was %s", s.response.Status)
		} else if status != http.StatusOK && status != http.StatusNoContent {
			return preferred("the answer was %s", s.response.Status)
		}
		if _, err := p.open(); err != nil {
			return failed("then the stream was not to be had: %v", err)
		}
		return pass()
	}
}

func reachesBoth(p *serverPlay) (conform.Behavior, string) {
	if p.Publish == nil {
		return unimplemented("it needs --publish")
	}
	first, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	second, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	text := p.text()
	if _, err := p.publish(text); err != nil {
		return failed("%v", err)
	}
	var got [2]event
	for i, s := range []*stream{first, second} {
		all, err := s.readUntil(text)
		if err != nil {
			return failed("it did not come to subscriber %d: %v", i+1, err)
		}
		got[i] = all[len(all)-1]
	}
	if got[0] != got[1] {
		return failed("they got %q (id %q) and %q (id %q)", got[0].data, got[0].id, got[1].data, got[1].id)
	}
	return pass()
}

func survivesReset(p *serverPlay) (conform.Behavior, string) {
	staying, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	leaving, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	if tcp, is := leaving.conn.(*net.TCPConn); is {
		tcp.SetLinger(0)
	}
	leaving.conn.Close()
	if _, err := staying.publishAndRead(2); err != nil {
		return verdictOn(err)
	}
	return pass()
}

func hasRetry(p *serverPlay) (conform.Behavior, string) {
	s, _, err := p.some(1)
	switch {
	case err != nil:
		return verdictOn(err)
	case len(s.wrong) > 0:
		return failed("%s", strings.Join(s.wrong, "; "))
	case len(s.retries) == 0:
		return informs("the server does not say how long to wait")
	}
	return informs("the server asks to wait %s ms", s.retries[0])
}

func keepsAlive(p *serverPlay) (conform.Behavior, string) {
	s, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	s.conn.SetReadDeadline(time.Now().Add(p.KeepAlive))
	before, preamble := 0, true
	for {
		_, err := s.line()
		if err != nil && before == 0 {
			return preferred("nothing came within %v: a proxy may end the connection", p.KeepAlive)
		}
		if err != nil {
			return preferred("nothing came within %v but at the start", p.KeepAlive)
		}
		// What comes at the start is no sign of life.
		if preamble = preamble && time.Since(p.wire.began) < time.Second; !preamble {
			return pass()
		}
		before++
	}
}

func isGone(p *serverPlay) (conform.Behavior, string) {
	if p.Gone == nil {
		return unimplemented("it needs --gone, a stream that the server has no more")
	}
	s, err := p.askFor("GET", p.Gone, "HTTP/1.1")
	switch {
	case err != nil:
		return failed("%v", err)
	case s.response.StatusCode != http.StatusNoContent:
		return failed("the answer was %s", s.response.Status)
	}
	return pass()
}

package sse

import (
	"strings"
	"time"

	"xk6-realtime/conform"
)

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

func isFlushed(p *serverPlay, s *stream) (conform.Behavior, string) {
	text := p.text()
	if _, err := p.publish(text); err != nil {
		return failed("%v", err)
	}
	if _, err := s.readUntil(text); err != nil {
		return failed("the one event that was published did not come: %v", err)
	}
	return pass()
}

func isInjected(p *serverPlay, s *stream) (conform.Behavior, string) {
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

func isUTF8(p *serverPlay, s *stream) (conform.Behavior, string) {
	text := "naïve 東京 🎉 " + p.text()
	if _, err := p.publish(text); err != nil {
		return failed("%v", err)
	}
	_, err := s.readUntil(text[strings.LastIndex(text, " ")+1:])
	switch {
	case err != nil:
		return failed("the event did not come: %v", err)
	case len(s.wrong) > 0:
		return failed("%s", strings.Join(s.wrong, "; "))
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

func keepsAlive(p *serverPlay, s *stream) (conform.Behavior, string) {
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
		// Bytes at the start are not a sign of life.
		if preamble = preamble && time.Since(p.wire.began) < time.Second; !preamble {
			return pass()
		}
		before++
	}
}

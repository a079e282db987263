package sse

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"xk6-realtime/conform"
)

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
		return preferred("the events after the id were not sent again: %v", err)
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
		return preferred("the server does not replay: it sent no event after the id again")
	}
	return failed("after %q came the ids %q, expected %q", all[1].id, ids, wanted)
}

func resumesAtEnd(p *serverPlay) (conform.Behavior, string) {
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

func oddID(id string) play {
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

func reachesBoth(p *serverPlay, first *stream) (conform.Behavior, string) {
	second, err := p.open()
	if err != nil {
		return failed("%v", err)
	}
	return getTheSame(p, first, second)
}

// getTheSame publishes to two streams.
func getTheSame(p *serverPlay, first, second *stream) (conform.Behavior, string) {
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

func survivesReset(p *serverPlay, staying *stream) (conform.Behavior, string) {
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

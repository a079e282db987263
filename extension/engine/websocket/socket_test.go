package websocket

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// paperLink is a link that notes what a Socket does with it.
type paperLink struct {
	sent            []byte
	within          time.Duration
	overdue         bool
	finished, reset bool
	writeClosed     bool
}

func (l *paperLink) Send(b []byte) error     { l.sent = append(l.sent, b...); return nil }
func (l *paperLink) SendLast(b []byte) error { return l.Send(b) }
func (l *paperLink) Within(d time.Duration)  { l.within = d }
func (l *paperLink) Overdue(clock.Time) bool { return l.overdue }
func (l *paperLink) Finish(reset bool)       { l.finished, l.reset = true, reset }
func (l *paperLink) CloseWrite()             { l.writeClosed = true }
func (l *paperLink) IsStream() bool          { return false }
func (l *paperLink) Alive() bool             { return !l.finished }

const closeWithin = 5 * time.Second

func shared() *Shared {
	return NewShared(Options{HeaderBytes: 1 << 10, CloseWithin: closeWithin})
}

// read hands b to s and collects what comes out.
func read(s *Socket, l wire.Link, sh *Shared, b []byte, a wire.Arrival) (got []wire.Message) {
	for s.Reads() {
		m, n := s.Next(l, sh, b, false, a)
		if m.Kind == wire.None {
			return got
		}
		m.Data = bytes.Clone(m.Data)
		got = append(got, m)
		b = b[n:]
	}
	return got
}

func TestAReadsArrivalIsThatOfItsLastMessage(t *testing.T) {
	s, l, sh := Socket{}, paperLink{}, shared()
	s.Open()
	b := frame.Append(frame.Append(nil, frame.Text, []byte("one")), frame.Binary, []byte("two"))
	got := read(&s, &l, sh, b, wire.Arrival{Since: 10, At: 20, Read: 30})
	if len(got) != 2 || got[0].Since != 10 || got[0].At != 20 || got[1].Since != 20 || got[1].At != 20 {
		t.Errorf("got %+v; want the arrival of the last known, and the first's between 10 and 20", got)
	}
}

func TestHowASocketEnds(t *testing.T) {
	closeFrame := func(code uint16, text string) []byte {
		return frame.Append(nil, frame.Close, frame.ClosePayload(nil, code, text))
	}
	masked := func(b string) string { return string(frame.AppendMasked(nil, frame.Close, [4]byte{}, []byte(b))) }
	for _, row := range []struct {
		sentence    string
		server      bool
		does        func(s *Socket, l *paperLink, sh *Shared)
		end         wire.End
		sent        string // after its mask, which is not looked at
		finished    bool
		writeClosed bool
	}{
		{"the peer closes, a client waits for its FIN", false, func(s *Socket, l *paperLink, sh *Shared) {
			read(s, l, sh, closeFrame(4001, "expired"), wire.Arrival{})
		}, wire.End{Code: 4001, By: wire.ByServer, Text: "expired"}, "\x88\x82", false, false},
		{"a client closes, a server sends its FIN at once", true, func(s *Socket, l *paperLink, sh *Shared) {
			read(s, l, sh, []byte(masked("\x03\xe8")), wire.Arrival{})
		}, wire.End{Code: 1000, By: wire.ByServer}, "\x88\x02\x03\xe8", false, true},
		{"no answer in time", false, func(s *Socket, l *paperLink, sh *Shared) {
			s.Close(l, sh, 1000, "")
			s.Late(l)
		}, wire.End{Code: 1006, By: wire.ByTimeout, Planned: true}, "\x88\x82", true, false},
		{"an answer that came too late", false, func(s *Socket, l *paperLink, sh *Shared) {
			s.Close(l, sh, 1000, "")
			l.overdue = true
			read(s, l, sh, closeFrame(1000, ""), wire.Arrival{})
		}, wire.End{Code: 1006, By: wire.ByTimeout, Planned: true}, "\x88\x82", true, false},
		{"a masked frame from a server", false, func(s *Socket, l *paperLink, sh *Shared) {
			read(s, l, sh, []byte(masked("")), wire.Arrival{})
		}, wire.End{Code: 1002, By: wire.ByServer, Breach: "masked_frame"}, "\x88\x8e", false, false},
		{"the bytes end in mid-message", false, func(s *Socket, l *paperLink, sh *Shared) {
			read(s, l, sh, []byte("\x81\x05He"), wire.Arrival{})
			s.Ended(l, wire.ByNetwork)
		}, wire.End{Code: 1006, By: wire.ByNetwork}, "", true, false},
	} {
		s, l, sh := Socket{server: row.server}, paperLink{}, shared()
		s.Open()
		row.does(&s, &l, sh)
		if got := s.End(); got != row.end {
			t.Errorf("%s: ended with %+v, want %+v", row.sentence, got, row.end)
		}
		if !strings.HasPrefix(string(l.sent), row.sent) || row.sent == "" && len(l.sent) > 0 {
			t.Errorf("%s: sent %q, want %q", row.sentence, l.sent, row.sent)
		}
		if l.finished != row.finished || l.writeClosed != row.writeClosed {
			t.Errorf("%s: finished %v, write closed %v; want %v, %v", row.sentence, l.finished, l.writeClosed, row.finished, row.writeClosed)
		}
		if !row.finished && !row.writeClosed && l.within != closeWithin {
			t.Errorf("%s: its end is bounded by %v, want %v", row.sentence, l.within, closeWithin)
		}
	}
}

package websocket

import (
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// Next takes bytes from the front of b, n of them, until a message, a Ping or a Pong is whole. It
// is of Kind None when b is used up, or the connection takes no more. Pings are answered, and a
// Close or a breach of the protocol is dealt with. If more is true, more bytes may have been
// there to be read with b, after it.
func (s *Socket) Next(l wire.Link, sh *Shared, b []byte, more bool, a wire.Arrival) (m wire.Message, n int) {
	f, n, err := sh.parserOf(s).NextOf(&s.frames, b, s.deflates)
	if err != nil {
		s.refuse(l, sh, err.(*frame.Error))
		return m, len(b)
	}
	if f.Op == 0 {
		return m, n
	}
	if f.Op&frame.Deflated != 0 {
		f.Op &^= frame.Deflated
		f.Data, err = sh.inflate(s, f)
		if err != nil {
			s.refuse(l, sh, err.(*frame.Error))
			return m, len(b)
		}
		a.Read = clock.Now() // to inflate it took this side's time
	}
	m = wire.Message{Kind: wire.Kind(f.Op), Data: f.Data, Since: a.At, At: a.At, Read: a.Read}
	if n < len(b) || more {
		m.Since = a.Since
	}
	switch f.Op {
	case frame.Close:
		s.closed(l, sh, &m)
		return wire.Message{}, len(b)
	case frame.Ping:
		if s.phase == open && !s.mute {
			// A peer that asks and does not read goes without.
			_ = l.Send(sh.frameOf(s, frame.Pong, f.Data))
		}
	}
	return m, n
}

// closed takes the peer's Close frame.
func (s *Socket) closed(l wire.Link, sh *Shared, m *wire.Message) {
	code, text, err := frame.ParseClose(m.Data)
	if err != nil {
		s.refuse(l, sh, err.(*frame.Error))
		return
	}
	if s.phase == closing && l.Overdue(m.Since) {
		s.Late(l)
		return
	}
	s.code = code
	if len(text) > 0 {
		s.say(lastWords{text: string(text)})
	}
	if s.phase == open {
		s.by = wire.ByServer
		s.sendClose(l, sh, code, "")
	}
	if l.Alive() {
		s.leave(l, sh)
	}
}

// ControlBytes is how long a Ping or a Pong with so much payload was as it came
// (RFC 6455, section 5.2): clients mask theirs.
func (s *Socket) ControlBytes(payload int) int {
	const header, mask = 2, 4
	if s.server {
		return header + mask + payload
	}
	return header + payload
}

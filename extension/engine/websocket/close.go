package websocket

import (
	"strings"

	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// Close begins the closing handshake (section 7.1.2) of an open connection. code goes out
// unchanged, except 1005, which sends a Close frame without a code. The first 123 bytes of reason
// are sent.
func (s *Socket) Close(l wire.Link, sh *Shared, code uint16, reason string) {
	if s.phase != open {
		return
	}
	s.planned, s.by = true, wire.ByClient
	s.sendClose(l, sh, code, reason)
	if s.phase == open && l.Alive() {
		s.phase = closing
		l.Within(sh.o.CloseWithin)
	}
}

// Abandon notes that this side gives the connection up without a word.
func (s *Socket) Abandon() {
	s.planned, s.by, s.code = true, wire.ByClient, frame.CodeAbnormal
}

func (s *Socket) sendClose(l wire.Link, sh *Shared, code uint16, reason string) {
	var payload [frame.MaxControlBytes]byte
	const most = len(payload) - 2
	if len(reason) > most {
		reason = strings.ToValidUTF8(reason[:most], "") // without half a character
	}
	// If that fails, the connection is over anyway.
	_ = l.SendLast(sh.frameOf(s, frame.Close, frame.ClosePayload(payload[:0], code, reason)))
}

// leave ends the connection after the last that is to be said on it. A client
// leaves the TCP connection to the server, which ends it (sections 7.1.1 and
// 7.1.7); that of a stream of HTTP/2 concerns nobody further. A close that a client
// began is bounded since then.
func (s *Socket) leave(l wire.Link, sh *Shared) {
	begun := s.phase == closing
	s.phase = ending
	s.Release(sh)
	switch {
	case s.server || l.IsStream():
		l.CloseWrite()
	case !begun:
		l.Within(sh.o.CloseWithin)
	}
}

// refuse ends a connection whose peer broke the protocol (section 7.1.7). What
// else it sends is read and thrown away until its FIN or the bound on a close,
// so that our Close frame is not lost to a RST.
func (s *Socket) refuse(l wire.Link, sh *Shared, breach *frame.Error) {
	if s.phase == open {
		s.sendClose(l, sh, breach.CloseCode, breach.Reason)
	}
	if !l.Alive() {
		return
	}
	s.say(lastWords{breach: breach.Reason})
	s.by, s.code = blame(breach), breach.CloseCode
	s.leave(l, sh)
}

// blame is whose doing a breach is: the peer is not to blame for a limit of ours.
func blame(breach *frame.Error) wire.By {
	if breach.IsLimit() {
		return wire.ByGenerator
	}
	return wire.ByServer
}

// Cut is called when the layer below ended the connection in a way that has a
// name: whose doing that is, its name, and what there is to say beside. After the
// last that is to be said it is the end that was awaited.
func (s *Socket) Cut(l wire.Link, by wire.By, name, text string) {
	if s.phase != ending {
		s.by, s.code = by, frame.CodeAbnormal
	}
	if s.phase == open { // else it is all that is left of an end that was asked for
		s.say(lastWords{breach: name, text: text})
	}
	l.Finish(false)
}

// Late is called when the present phase has taken too long.
func (s *Socket) Late(l wire.Link) {
	switch s.phase {
	case closing:
		s.by, s.code = wire.ByTimeout, frame.CodeAbnormal
		l.Finish(true)
	case ending: // the close handshake is over; only the peer's FIN is missing
		l.Finish(true)
	}
}

// Ended is called when the peer's bytes ended; by says whose doing that is if
// it was not agreed on.
func (s *Socket) Ended(l wire.Link, by wire.By) {
	if s.phase != ending {
		s.by, s.code = by, frame.CodeAbnormal
	}
	l.Finish(false)
}

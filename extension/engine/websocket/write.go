package websocket

import (
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// Message is a whole message, Ping or Pong as it goes to the peer, good until
// the next call.
func (sh *Shared) Message(s *Socket, kind wire.Kind, payload []byte) []byte {
	return sh.frameOf(s, frame.Opcode(kind), payload)
}

func (sh *Shared) frameOf(s *Socket, op frame.Opcode, payload []byte) []byte {
	if s.server {
		sh.scratch = frame.Append(sh.scratch[:0], op, payload)
	} else {
		sh.scratch = frame.AppendMasked(sh.scratch[:0], op, sh.mask(), payload)
	}
	return sh.scratch
}

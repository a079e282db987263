package websocket

import (
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// Message is a whole message, Ping or Pong as it goes to the peer, good until
// the next call. It must be sent: later ones may refer to it.
func (sh *Shared) Message(s *Socket, kind wire.Kind, payload []byte) []byte {
	op := frame.Opcode(kind)
	if s.deflates && kind.IsData() {
		op, payload = sh.compressed(s, op, payload)
	}
	return sh.frameOf(s, op, payload)
}

func (sh *Shared) frameOf(s *Socket, op frame.Opcode, payload []byte) []byte {
	if s.server {
		sh.scratch = frame.Append(sh.scratch[:0], op, payload)
	} else {
		sh.scratch = frame.AppendMasked(sh.scratch[:0], op, sh.mask(), payload)
	}
	return sh.scratch
}

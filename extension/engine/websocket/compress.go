package websocket

import (
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

// deflate has messages compressed as both sides agreed, nil for not at all.
func (s *Socket) deflate(sh *Shared, p *deflate.Params) {
	if p == nil {
		return
	}
	s.deflates = true
	inBits, in, out := p.ServerBits, p.ServerTakeover, p.ClientTakeover
	if s.server {
		inBits, in, out = p.ClientBits, p.ClientTakeover, p.ServerTakeover
	}
	if !in && !out {
		s.rest = sh.agreements.rest(*p)
		return
	}
	r := &rest{params: *p}
	s.rest = r
	if in {
		// zlib has no window of 8 bits for what it deflates, and takes one of 9.
		const least = 9
		r.in = deflate.NewWindow(max(inBits, least))
	}
	if out {
		r.out = deflate.NewSentWindow(r.outBits(s.server))
	}
}

// outBits bounds how far back what this side sends may refer.
func (r *rest) outBits(server bool) uint8 {
	if server {
		return r.params.ServerBits
	}
	return r.params.ClientBits
}

// inflate is what a compressed message says, good until the next one.
func (sh *Shared) inflate(s *Socket, f frame.Message) ([]byte, error) {
	b, err := sh.inflater.Inflate(f.Data, &s.rest.in)
	switch {
	case err == deflate.ErrTooBig:
		return nil, frame.ErrMessageTooBig
	case err == deflate.ErrNoRoom:
		return nil, frame.ErrBufferLimit
	case err != nil:
		return nil, frame.ErrDeflate
	case f.Op == frame.Text && !frame.ValidText(b):
		return nil, frame.ErrUTF8
	}
	return b, nil
}

// compressed is a message's payload as it is to be sent, and its opcode then.
// One that compression does not make smaller stays as it is (RFC 7692 section 6).
// If later ones may refer to it, it is compressed all the same. A first short
// message is never smaller by itself, and equal ones after it gain by it.
func (sh *Shared) compressed(s *Socket, op frame.Opcode, payload []byte) (frame.Opcode, []byte) {
	b, err := sh.deflater.Deflate(payload, s.rest.outBits(s.server), &s.rest.out)
	if err != nil || len(b) >= len(payload) && !s.rest.out.Keeps() {
		return op, payload
	}
	s.rest.out.Add(payload)
	return op | frame.Deflated, b
}

// Prepared is a message that a server sends to many clients: it is framed once,
// and deflated once for all whose messages refer to no earlier ones. It does not
// change, so loops may share it.
type Prepared struct {
	kind     wire.Kind
	payload  []byte
	plain    []byte // the frame
	deflated []byte // likewise, for the largest window; nil for none
}

// Prepare makes a Prepared of a payload, which it keeps. d deflates it, nil where
// no client has agreed to that.
func Prepare(kind wire.Kind, payload []byte, d *deflate.Deflater) (*Prepared, error) {
	p := &Prepared{kind: kind, payload: payload, plain: frame.Append(nil, frame.Opcode(kind), payload)}
	if d == nil {
		return p, nil
	}
	b, err := d.Deflate(payload, deflate.MaxBits, nil)
	if err == nil && len(b) < len(payload) {
		p.deflated = frame.Append(nil, frame.Opcode(kind)|frame.Deflated, b)
	}
	return p, err
}

// Payload is the message itself.
func (p *Prepared) Payload() []byte { return p.payload }

// Prepared is p as it goes to the peer, good until the next call.
func (sh *Shared) Prepared(s *Socket, p *Prepared) []byte {
	switch {
	case !s.server:
		return sh.Message(s, p.kind, p.payload)
	case !s.deflates:
		return p.plain
	case s.rest.out.Keeps() || s.rest.params.ServerBits < deflate.MaxBits:
		return sh.Message(s, p.kind, p.payload)
	case p.deflated != nil:
		return p.deflated
	}
	return p.plain
}

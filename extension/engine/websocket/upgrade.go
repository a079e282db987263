package websocket

import (
	"encoding/binary"

	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/handshake"
)

// Upgrade is what a Socket needs until it is open.
type Upgrade struct {
	Request handshake.Request
	// Deflate is what a client offers, nil for no compression.
	Deflate *deflate.Options
	key     handshake.Key
	answer  []byte // of the peer's head, while it is incomplete
}

// Reset makes u that of another connection. It keeps its memory, unless a peer
// made it large.
func (u *Upgrade) Reset() {
	answer, fields := u.answer[:0], u.Request.Fields
	if cap(answer) > 2<<10 {
		answer = nil
	}
	clear(fields)
	*u = Upgrade{answer: answer, Request: handshake.Request{Fields: fields[:0]}}
}

// Refusal is why there was no handshake, and what the peer said instead.
type Refusal struct {
	Err      error
	Response handshake.Response
}

// Chosen is what both sides agreed on.
type Chosen struct {
	// Protocol is the subprotocol that a server chose, "" for none.
	Protocol string
	// Deflate is how messages are compressed, nil for not at all.
	Deflate *deflate.Params
}

// Ask is a client's request, good until the next call.
func (sh *Shared) Ask(u *Upgrade) (head []byte, err error) {
	var random [16]byte
	binary.LittleEndian.PutUint64(random[:], sh.random.Uint64())
	binary.LittleEndian.PutUint64(random[8:], sh.random.Uint64())
	u.key = handshake.NewKey(random)
	if u.Deflate != nil {
		u.Request.Extensions = sh.agreements.offer(*u.Deflate)
	}
	sh.scratch, err = u.Request.Append(sh.scratch[:0], u.key)
	return sh.scratch, err
}

// Answered takes bytes that came before the connection was open. Once the
// peer's head is whole the Socket is open: reply is what a server answers with,
// good until the next call, and rest are frames already.
func (s *Socket) Answered(sh *Shared, u *Upgrade, b []byte) (rest, reply []byte, chosen Chosen, wrong *Refusal) {
	head := b
	if len(u.answer) > 0 {
		u.answer = append(u.answer, b...)
		head = u.answer
	}
	var n int
	if s.server {
		n, reply, chosen, wrong = sh.accept(head)
	} else {
		n, chosen, wrong = sh.accepted(u, head)
	}
	switch {
	case wrong != nil:
		return nil, nil, Chosen{}, wrong
	case n > 0:
		s.Open()
		s.deflate(sh, chosen.Deflate)
		return b[len(b)-(len(head)-n):], reply, chosen, nil
	case len(u.answer) == 0:
		u.answer = append(u.answer, b...)
	}
	return nil, nil, Chosen{}, nil
}

// accepted reads a server's answer.
func (sh *Shared) accepted(u *Upgrade, head []byte) (n int, chosen Chosen, wrong *Refusal) {
	r, n, err := handshake.ReadResponse(head, u.key, u.Request.Protocols, sh.o.HeaderBytes)
	if err == nil {
		chosen, err = sh.chosen(u, &r)
	}
	if err != nil {
		return 0, chosen, &Refusal{err, r}
	}
	return n, chosen, nil
}

// chosen is the part of the offer that a server's answer chose.
func (sh *Shared) chosen(u *Upgrade, r *handshake.Response) (chosen Chosen, err error) {
	switch {
	case len(r.Extensions) == 0:
	case u.Deflate == nil:
		err = handshake.ErrExtension
	default:
		chosen.Deflate, err = sh.agreements.agreed(*u.Deflate, r.Extensions)
	}
	for _, p := range u.Request.Protocols {
		if p == string(r.Protocol) {
			chosen.Protocol = p
		}
	}
	return chosen, err
}

// accept reads a client's request and makes the answer.
func (sh *Shared) accept(head []byte) (n int, reply []byte, chosen Chosen, wrong *Refusal) {
	key, offers, n, err := handshake.ReadRequest(head, sh.o.HeaderBytes)
	switch {
	case err != nil:
		return 0, nil, chosen, &Refusal{Err: err}
	case n == 0:
		return 0, nil, chosen, nil
	}
	extensions := ""
	if sh.o.Deflate != nil {
		extensions, chosen.Deflate = sh.o.Deflate.Accept(offers)
	}
	sh.scratch = handshake.AppendResponse(sh.scratch[:0], key, extensions)
	return n, sh.scratch, chosen, nil
}

// Declined is a server's answer to a request that is not a handshake. It names the supported
// version to a client of another one (RFC 6455 section 4.4).
func Declined(why error) string {
	const behind = "Connection: close\r\nContent-Length: 0\r\n\r\n"
	if why == handshake.ErrVersion {
		return "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" + behind
	}
	return "HTTP/1.1 400 Bad Request\r\n" + behind
}

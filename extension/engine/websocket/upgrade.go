package websocket

import (
	"encoding/binary"

	"xk6-realtime/engine/handshake"
)

// Upgrade is what a Socket needs until it is open.
type Upgrade struct {
	Request handshake.Request
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

// Ask is a client's request, good until the next call.
func (sh *Shared) Ask(u *Upgrade) (head []byte, err error) {
	var random [16]byte
	binary.LittleEndian.PutUint64(random[:], sh.random.Uint64())
	binary.LittleEndian.PutUint64(random[8:], sh.random.Uint64())
	u.key = handshake.NewKey(random)
	sh.scratch, err = u.Request.Append(sh.scratch[:0], u.key)
	return sh.scratch, err
}

// Answered takes bytes that came before the connection was open. Once the
// peer's head is whole the Socket is open: reply is what a server answers with,
// good until the next call, and rest are frames already. A client hears the
// subprotocol that the server chose.
func (s *Socket) Answered(sh *Shared, u *Upgrade, b []byte) (rest, reply []byte, protocol string, wrong *Refusal) {
	head := b
	if len(u.answer) > 0 {
		u.answer = append(u.answer, b...)
		head = u.answer
	}
	var n int
	if s.server {
		n, reply, wrong = sh.accept(head)
	} else {
		n, protocol, wrong = sh.accepted(u, head)
	}
	switch {
	case wrong != nil:
		return nil, nil, "", wrong
	case n > 0:
		s.Open()
		return b[len(b)-(len(head)-n):], reply, protocol, nil
	case len(u.answer) == 0:
		u.answer = append(u.answer, b...)
	}
	return nil, nil, "", nil
}

// accepted reads a server's answer.
func (sh *Shared) accepted(u *Upgrade, head []byte) (n int, protocol string, wrong *Refusal) {
	r, n, err := handshake.ReadResponse(head, u.key, u.Request.Protocols, sh.o.HeaderBytes)
	if err != nil {
		return 0, "", &Refusal{err, r}
	}
	for _, p := range u.Request.Protocols {
		if p == string(r.Protocol) {
			protocol = p
		}
	}
	return n, protocol, nil
}

// accept reads a client's request and makes the answer.
func (sh *Shared) accept(head []byte) (n int, reply []byte, wrong *Refusal) {
	key, n, err := handshake.ReadRequest(head, sh.o.HeaderBytes)
	switch {
	case err != nil:
		return 0, nil, &Refusal{Err: err}
	case n == 0:
		return 0, nil, nil
	}
	sh.scratch = handshake.AppendResponse(sh.scratch[:0], key)
	return n, sh.scratch, nil
}

// Declined is what a server answers to what is no handshake.
const Declined = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

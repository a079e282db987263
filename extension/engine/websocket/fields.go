package websocket

import (
	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/handshake"
)

// AskFields is Ask for a WebSocket over HTTP/2 (RFC 8441).
func (sh *Shared) AskFields(u *Upgrade, secure bool) (fields []hpack.HeaderField, err error) {
	if u.Deflate != nil {
		u.Request.Extensions = sh.agreements.offer(*u.Deflate)
	}
	clear(sh.fields)
	sh.fields, err = u.Request.AppendFields(sh.fields[:0], secure)
	return sh.fields, err
}

// AnsweredFields takes a server's answer over HTTP/2. The Socket is open after
// it, unless it is an interim one.
func (s *Socket) AnsweredFields(sh *Shared, u *Upgrade, fields []hpack.HeaderField) (chosen Chosen, wrong *Refusal) {
	r, err := handshake.ReadFields(fields, u.Request.Protocols)
	if err == nil && r.IsInterim() {
		return chosen, nil
	}
	if err == nil {
		chosen, err = sh.chosen(u, &r)
	}
	if err != nil {
		return chosen, &Refusal{err, r}
	}
	s.Open()
	s.deflate(sh, chosen.Deflate)
	return chosen, nil
}

// AskedFields takes a client's request over HTTP/2. The Socket is open after it,
// and answer is what a server answers with, good until the next call.
func (s *Socket) AskedFields(sh *Shared, fields []hpack.HeaderField) (answer []hpack.HeaderField, chosen Chosen, err error) {
	offers, err := handshake.ReadRequestFields(fields)
	if err != nil {
		return nil, chosen, err
	}
	extensions := ""
	if sh.o.Deflate != nil {
		extensions, chosen.Deflate = sh.o.Deflate.Accept(offers)
	}
	s.Open()
	s.deflate(sh, chosen.Deflate)
	clear(sh.fields)
	sh.fields = handshake.AnswerFields(sh.fields[:0], extensions)
	return sh.fields, chosen, nil
}

// DeclinedFields is a server's answer over HTTP/2 to a request that is not a handshake.
func DeclinedFields() []hpack.HeaderField {
	return []hpack.HeaderField{{Name: ":status", Value: "400"}}
}

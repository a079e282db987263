package eventstream

import (
	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/handshake"
)

// AskFields is Ask over HTTP/2. The request's body is the caller's to send.
func (sh *Shared) AskFields(r *handshake.Request, secure bool) (fields []hpack.HeaderField, err error) {
	clear(sh.fields)
	sh.fields, err = r.AppendStreamFields(sh.fields[:0], secure)
	return sh.fields, err
}

// AnsweredFields takes the answer over HTTP/2. After it the stream is open, unless
// the answer is an interim one; its bytes are those of DATA, to END_STREAM.
func (s *Stream) AnsweredFields(fields []hpack.HeaderField) (a handshake.Answer, err error) {
	a, err = handshake.ReadAnswerFields(fields)
	if err == nil && !a.IsInterim() {
		s.begin(newBody(toTheEnd, 0), &a)
	}
	return a, err
}

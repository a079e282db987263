// Package eventstream is server-sent events (WHATWG HTML section 9.2) as a wire of the engine: a
// request, an answer with an endless body, and the events in it as messages. It is handed bytes
// with their arrival, on a [wire.Link], and knows neither sockets nor pollers. It has nothing to
// send once it is open.
package eventstream

import (
	"io"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/wire"
)

// Stream is where one connection stands.
type Stream struct {
	state   State
	body    body
	inflate *inflater // nil of a body that is not compressed
	open    bool
	over    bool
	planned bool
	by      wire.By
	code    uint16
	fault   *fault
	invalid int64 // events
}

// fault is what the peer did wrong.
type fault struct{ name, text string }

// Options tunes the streams of a loop.
type Options struct {
	Limits Limits
	// HeaderBytes bounds the head of an answer.
	HeaderBytes int
}

// Shared is what the streams of one loop have in common.
type Shared struct {
	o       Options
	parser  *Parser
	scratch []byte // one request or message at a time
	fields  []hpack.HeaderField
}

// NewShared makes the Shared of a loop.
func NewShared(o Options) *Shared { return &Shared{o: o, parser: NewParser(o.Limits)} }

// Ask is a client's request, good until the next call.
func (sh *Shared) Ask(r *handshake.Request) (head []byte, err error) {
	sh.scratch, err = r.AppendStream(sh.scratch[:0])
	return sh.scratch, err
}

// Answered takes the answer to the request, head and all that came before the
// stream was open. n is the size of its head, 0 while it is incomplete. After it
// the stream is open.
func (s *Stream) Answered(sh *Shared, head []byte) (n int, a handshake.Answer, err error) {
	a, n, err = handshake.ReadAnswer(head, sh.o.HeaderBytes)
	if err != nil || n == 0 {
		return 0, a, err
	}
	f, length := toTheEnd, int64(0)
	switch {
	case a.Chunked:
		f, length = chunked, -1
	case a.Length >= 0:
		f, length = byLength, a.Length
	}
	s.begin(newBody(f, length), &a)
	return n, a, nil
}

func (s *Stream) begin(b body, a *handshake.Answer) {
	s.body, s.open = b, true
	if a.Encoded() {
		s.inflate = newInflater(encodingOf(a.Gzipped()))
	}
}

// IsOpen tells whether events may come.
func (s *Stream) IsOpen() bool { return s.open && !s.over }

// LastID is the last event ID so far, good until the next event.
func (s *Stream) LastID() []byte { return s.state.LastID() }

// RetryMs is the reconnection time that the stream asked for, in milliseconds.
func (s *Stream) RetryMs() (ms int64, given bool) { return s.state.RetryMs() }

// Comments is how many lines were comments.
func (s *Stream) Comments() int64 { return s.state.Comments() }

// InvalidUTF8 is how many events had bytes that are not UTF-8.
func (s *Stream) InvalidUTF8() int64 { return s.invalid }

// Next takes bytes from the front of b, n of them, until an event is whole. The message is of
// Kind None when b is used up, or the stream is over. The size of the event's data is payload. If
// more is true, more bytes may have been there to be read with b, after it. Call it once with no
// bytes, too, for a stream that ends before it begins.
func (s *Stream) Next(l wire.Link, sh *Shared, b []byte, more bool, a wire.Arrival) (m wire.Message, payload, n int) {
	if s.inflate != nil {
		return s.nextInflated(l, sh, b, more, a)
	}
	for !s.body.over() && n < len(b) {
		content, took, err := s.body.take(b[n:])
		n += took
		if err != nil {
			s.refuse(l, breachOf(err), wire.ByServer)
			return m, 0, len(b)
		}
		if len(content) == 0 {
			continue
		}
		e, took, whole, err := sh.parser.Next(&s.state, content)
		n += took
		s.body.took(took)
		if err != nil {
			s.refuse(l, breachOf(err), wire.ByGenerator)
			return m, 0, len(b)
		}
		if whole {
			n += s.body.skip(b[n:])
			return s.message(sh, &e, n < len(b) || more, a), len(e.Data), n
		}
	}
	if s.body.over() {
		s.complete(l)
	}
	return m, 0, len(b)
}

func encodingOf(isGzip bool) encoding {
	if isGzip {
		return gzipped
	}
	return deflated
}

// nextInflated is Next of a compressed body.
func (s *Stream) nextInflated(l wire.Link, sh *Shared, b []byte, more bool, a wire.Arrival) (m wire.Message, payload, n int) {
	f := s.inflate
	for {
		if len(f.plain) > 0 {
			e, took, whole, err := sh.parser.Next(&s.state, f.plain)
			f.plain = f.plain[took:]
			if err != nil {
				s.refuse(l, breachOf(err), wire.ByGenerator)
				return m, 0, len(b)
			}
			if whole {
				return s.message(sh, &e, len(f.plain)+len(f.in) > 0 || n < len(b) || more, a), len(e.Data), n
			}
		}
		switch ended := f.more(); {
		case ended && f.err != io.EOF:
			s.refuse(l, "bad_encoding", wire.ByServer)
			return m, 0, len(b)
		case ended: // what follows is of no encoding: nothing
			f.next = nothing
			f.in = nil
		}
		if len(f.plain) > 0 {
			continue
		}
		content, took, err := s.body.take(b[n:])
		n += took
		switch {
		case err != nil:
			s.refuse(l, breachOf(err), wire.ByServer)
			return m, 0, len(b)
		case len(content) > 0:
			f.in = content
			s.body.took(len(content))
			n += len(content)
		case s.body.over():
			s.complete(l)
			return m, 0, len(b)
		case n == len(b):
			return m, 0, n
		}
	}
}

func nothing() ([]byte, bool) { return nil, true }

// message is an event as the engine hands it out.
func (s *Stream) message(sh *Shared, e *Event, followed bool, a wire.Arrival) wire.Message {
	const keptBytes = 256 << 10
	if cap(sh.scratch) > keptBytes {
		sh.scratch = nil
	}
	var isUTF8 bool
	if sh.scratch, isUTF8 = appendJSON(sh.scratch[:0], e); !isUTF8 {
		s.invalid++
	}
	m := wire.Message{Kind: wire.Text, Data: sh.scratch, Since: a.At, At: a.At, Read: a.Read}
	if followed {
		m.Since = a.Since
	}
	return m
}

// breachOf names what ended a stream, as End.Breach has it.
func breachOf(err error) string {
	switch err {
	case ErrEventTooBig:
		return "message_too_big"
	case ErrBufferLimit:
		return "buffer_limit"
	}
	return "bad_chunk"
}

// complete ends a stream whose server ended it in HTTP's way.
func (s *Stream) complete(l wire.Link) {
	s.over, s.by = true, wire.ByServer
	l.Finish(false)
}

func (s *Stream) refuse(l wire.Link, breach string, by wire.By) {
	s.over, s.by, s.fault, s.code = true, by, &fault{name: breach}, frame.CodeProtocolError
	if by == wire.ByGenerator {
		s.code = frame.CodeMessageTooBig
	}
	l.Finish(true)
}

// Close ends the stream. HTTP/1.1 has no word for that: a client that wants no
// more ends the TCP connection.
func (s *Stream) Close(l wire.Link) {
	if s.over {
		return
	}
	s.Abandon()
	l.Finish(false)
}

// Abandon notes that this side gives the stream up.
func (s *Stream) Abandon() { s.over, s.planned, s.by = true, true, wire.ByClient }

// Cut is called when the peer broke off the connection below, in a way that has a
// name, with what it said of it.
func (s *Stream) Cut(l wire.Link, by wire.By, name, text string) {
	s.over, s.by, s.fault, s.code = true, by, &fault{name, text}, frame.CodeAbnormal
	l.Finish(false)
}

// Ended is called when the peer's bytes ended. If the peer ended them itself, fin is true: that
// is the end of a body that has no other. Otherwise by is to blame.
func (s *Stream) Ended(l wire.Link, by wire.By, fin bool) {
	s.over, s.by, s.code = true, by, frame.CodeAbnormal
	if fin && s.body.framing == toTheEnd {
		s.by, s.code = wire.ByServer, 0
	}
	l.Finish(false)
}

// End is how the stream ended, without the instant. One that its server ended has
// code 0 and is ByServer; one that was cut off in its body has 1006 and is
// ByNetwork.
func (s *Stream) End() wire.End {
	e := wire.End{Code: s.code, By: s.by, Planned: s.planned}
	if s.fault != nil {
		e.Breach, e.Text = s.fault.name, s.fault.text
	}
	return e
}

// Release frees what s holds of its loop.
func (s *Stream) Release(sh *Shared) {
	sh.parser.Release(&s.state)
	if s.inflate != nil {
		s.inflate.stop()
	}
}

// Late is never heard by an open stream: it has no phases.
func (s *Stream) Late(l wire.Link) { l.Finish(true) }

package protocol

import (
	"bytes"
	"fmt"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/protocol/codec"
	"xk6-realtime/engine/protocol/jsontext"
)

// wire is how messages of the protocol lie in those of WebSocket: at most one
// of delimiter and framing says where one ends.
type wire struct {
	delimiter []byte
	framing   codec.Framing
	codec     codec.Codec
	// isBytes says that they are sent as binary messages.
	isBytes bool
	broken  string // what to say of a message that is not of the codec's format
}

// isPlain tells whether a message of WebSocket is one of the protocol, and
// text.
func (w *wire) isPlain() bool { return w.framing == nil && w.codec == nil }

// wire reads what a descriptor, or a step, says of how messages are written.
func (c *compiler) wire(field string, spec *codec.Spec, framing, delimiter string) *wire {
	w := &wire{}
	var err error
	if w.codec, err = codec.New(spec); err != nil {
		c.fail(field+"codec", "%w", err)
	}
	if w.framing, err = codec.NewFraming(framing); err != nil {
		c.fail(field+"framing", "%w", err)
	}
	if own, ok := w.codec.(codec.Framing); ok {
		if w.framing != nil {
			c.fail(field+"framing", "want none beside a codec that frames its messages")
		}
		w.framing = own
	}
	if delimiter != "" {
		w.delimiter = []byte(delimiter)
		if !w.isPlain() {
			c.fail(field+"delimiter", "want none beside a framing or a codec of bytes")
		}
	}
	if w.codec != nil {
		w.broken = "bytes that are not " + w.codec.Title()
	}
	w.isBytes = w.codec != nil || framing != "" && framing != "nats"
	return w
}

// stream is what a connection keeps of a message that has not come whole.
type stream struct {
	pending []byte
	need    int // bytes of pending before more can be said
	end     *streamEnd
}

// streamEnd is why nothing more can be found in what a connection brings.
type streamEnd struct {
	fault  Fault
	detail string
}

var (
	brokenStream = &streamEnd{Unparsable, "a stream of bytes that breaks its framing"}
	noRoom       = &streamEnd{PiecesLimit, "no room for a message in pieces"}
)

// Pieces bounds what is kept of messages that come in several of WebSocket.
type Pieces struct {
	// MessageBytes is the longest such message. Default 64 MiB.
	MessageBytes int
	// Memory is what all of them may take together. Default: there is no bound.
	Memory Memory
}

// Memory has a bound. Grow notes that something went from one size to another,
// in bytes; false says that there is no room, and nothing is noted.
type Memory interface{ Grow(from, to int) bool }

// defaultMessageBytes is that of lib/protocols/reader.ts, too.
const defaultMessageBytes = 64 << 20

func (p *Pieces) tooLong() *streamEnd {
	return &streamEnd{PiecesLimit, fmt.Sprintf("a message in pieces of more than %d bytes", p.MessageBytes)}
}

// counted is what a size counts for in the memory of all: small ones nothing,
// so that loops do not contend for it.
func counted(size int) int {
	if size <= 4<<10 {
		return 0
	}
	return size
}

// keep makes what is kept of a stream kept+more; false says that there is no
// room for it.
func (in *Interpreter) keep(s *stream, kept, more []byte) bool {
	before := cap(s.pending)
	bytes := append(kept, more...)
	if m := in.pieces.Memory; m != nil && !m.Grow(counted(before), counted(cap(bytes))) {
		return false
	}
	s.pending = bytes
	return true
}

// forget gives the memory of a stream back.
func (in *Interpreter) forget(s *stream) {
	if m := in.pieces.Memory; m != nil && s.pending != nil {
		m.Grow(counted(cap(s.pending)), 0)
	}
	s.pending = nil
}

// endStream says that nothing more can be found in a connection's stream.
func (c *Conversation) endStream(e Events, end *streamEnd) {
	s := &c.needRare().stream
	c.in.forget(s)
	s.end = end
	e.Invalid(end.fault, end.detail)
}

// wireNow is how the next message is written.
func (c *Conversation) wireNow() *wire {
	if c.state == inSession {
		if s := c.currentStep(); s != nil && s.wire != nil {
			return s.wire
		}
	}
	return c.in.protocol.wire
}

// receiveFramed takes apart a message of WebSocket where there is a codec or a
// framing.
func (c *Conversation) receiveFramed(e Events, message []byte, binary bool, at clock.Time) {
	rest := message
	s := &stream{}
	if c.rare != nil {
		s = &c.rare.stream
	}
	if s.end != nil {
		e.Invalid(s.end.fault, s.end.detail)
		return
	}
	if len(s.pending) > 0 {
		if !c.in.keep(s, s.pending, message) {
			c.endStream(e, noRoom)
			return
		}
		if len(s.pending) < s.need {
			return
		}
		rest = s.pending
	}
	for len(rest) > 0 && c.state != over {
		w := c.wireNow()
		one, next, need, broken := w.cut(rest)
		switch {
		case broken:
			c.endStream(e, brokenStream)
			return
		case need > c.in.pieces.MessageBytes:
			c.endStream(e, c.in.pieces.tooLong())
			return
		case need > 0:
			s = &c.needRare().stream
			if s.need = need; !c.in.keep(s, s.pending[:0], rest) {
				c.endStream(e, noRoom)
			}
			return
		}
		rest = next
		c.receiveOne(e, w, one, binary, at)
	}
	c.in.forget(s)
}

// cut finds the first message of b and what comes after it; or how many bytes
// there must be before it can be found.
func (w *wire) cut(b []byte) (one, rest []byte, need int, broken bool) {
	switch {
	case w.framing != nil:
		f := w.framing.Find(b)
		if f.Next == 0 {
			return nil, nil, f.Need, f.Broken
		}
		return b[f.Start:f.End], b[f.Next:], 0, f.Broken
	case w.delimiter != nil:
		one, rest, _ = bytes.Cut(b, w.delimiter)
		return one, rest, 0, false
	}
	return b, nil, 0, false
}

// receiveOne takes one message of the protocol.
func (c *Conversation) receiveOne(e Events, w *wire, one []byte, binary bool, at clock.Time) {
	r := &c.in.reader
	if w.codec == nil {
		if len(one) > 0 || w.delimiter == nil {
			r.loadMessage(one, binary)
			c.take(e, at)
		}
		return
	}
	text, ok := w.codec.AppendJSON(c.in.decoded[:0], one)
	c.in.decoded = text
	if !ok {
		e.Invalid(Unparsable, w.broken)
		return
	}
	r.loadMessage(text, false)
	r.sent = one
	c.take(e, at)
}

// write makes the message of a template. frame is what is to be sent, message
// what is in it without delimiter or framing. Both are good until the next.
func (c *Conversation) write(t *template, at clock.Time, l *locals) (frame, message []byte, err error) {
	in, w := c.in, t.wire
	text := c.expand(t, at, l)
	if w.isPlain() {
		return text, text[:len(text)-len(w.delimiter)], nil
	}
	message = text
	if w.codec != nil {
		text = text[jsontext.Space(text, 0):]
		in.encoded, err = w.codec.AppendMessage(in.encoded[:0], text)
		message = in.encoded
	}
	if err == nil && w.framing != nil {
		in.framed, err = w.framing.AppendFramed(in.framed[:0], message)
		return in.framed, message, unwritable(err)
	}
	return message, message, unwritable(err)
}

func unwritable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("a message that cannot be written: %w", err)
}

// send sends the message of a template. One that cannot be written, since a captured value is of
// the wrong kind, breaks the contract.
func (c *Conversation) send(e Events, t *template, at clock.Time, l *locals, why Purpose) error {
	frame, _, err := c.write(t, at, l)
	if err != nil {
		return err
	}
	c.checkSent(t, nil)
	e.Send(frame, t.binary, why)
	return nil
}

// checkSent checks the message that was just written: each, where a delimiter
// parts several. An answer to a message is checked after the message. A probe has an
// identifier, others nil.
func (c *Conversation) checkSent(t *template, id []byte) {
	in := c.in
	if in.checker == nil {
		return
	}
	if in.checker.Examples == nil {
		id = nil // nobody keeps its exchange
	}
	if in.checker.Sent == nil && id == nil {
		return
	}
	for rest, more := in.out, true; more; {
		one := rest
		if more = len(t.wire.delimiter) > 0; more {
			one, rest, more = bytes.Cut(rest, t.wire.delimiter)
		}
		switch {
		case len(one) == 0:
		case id != nil && !in.taking && len(one)+len(t.wire.delimiter) >= len(in.out): // the only one
			in.checker.CheckProbe(&c.needRare().contract, one, id)
		case in.checker.Sent == nil:
		case in.taking:
			in.answers = append(in.answers, one...)
			in.answerEnds = append(in.answerEnds, len(in.answers))
		default:
			in.checker.Sent.Check(&c.needRare().contract, one, true, "", contract.Client)
		}
	}
}

// checkAnswers checks the answers to the message at hand.
func (c *Conversation) checkAnswers() {
	in, from := c.in, 0
	for _, end := range in.answerEnds {
		in.checker.Sent.Check(&c.needRare().contract, in.answers[from:end], true, "", contract.Client)
		from = end
	}
	in.answers, in.answerEnds = in.answers[:0], in.answerEnds[:0]
}

// sendOrTell is send for what nobody waits for.
func (c *Conversation) sendOrTell(e Events, t *template, at clock.Time, l *locals, why Purpose) {
	if err := c.send(e, t, at, l, why); err != nil {
		e.Invalid(Contract, err.Error())
	}
}

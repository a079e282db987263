package frame

import "sync/atomic"

// Message is what a Parser hands out: a whole data message, or a control
// frame. Data lies in the buffer given to Next or in the connection's State
// and is good until the next call.
type Message struct {
	Op   Opcode // Text, Binary, Close, Ping or Pong; 0 when nothing is whole yet
	Data []byte
}

// Limits bounds what peers can make a Parser hold. A zero field means the
// default.
type Limits struct {
	// MessageBytes is the largest message, all fragments together. A frame
	// that declares more is refused at its header. Default 64 MiB.
	MessageBytes int64
	// Buffer bounds the half received messages of all connections of the
	// Parsers that have it. Default: one of 1 GiB for this Parser.
	Buffer *Buffer
}

// The defaults of limits.
const (
	DefaultMessageBytes  = 64 << 20
	DefaultBufferedBytes = 1 << 30
)

// Buffer is the memory that half received messages take. Parsers on several
// goroutines may share it.
type Buffer struct {
	limit int64
	used  atomic.Int64
}

// NewBuffer makes a Buffer of so many bytes, 0 for the default.
func NewBuffer(limit int64) *Buffer {
	if limit == 0 {
		limit = DefaultBufferedBytes
	}
	return &Buffer{limit: limit}
}

// Bytes is how many are in use.
func (b *Buffer) Bytes() int64 { return b.used.Load() }

// hasRoomFor tells whether so many more may be used.
func (b *Buffer) hasRoomFor(bytes int) bool {
	return bytes <= 0 || b.used.Load()+int64(bytes) <= b.limit
}

// Grow notes that something a peer made large went from one size to another, in
// bytes; false says that there is no room, and nothing is noted.
func (b *Buffer) Grow(from, to int) bool {
	if !b.hasRoomFor(to - from) {
		return false
	}
	b.grew(from, to)
	return true
}

// grew notes that a message's memory went from one size to another.
func (b *Buffer) grew(from, to int) {
	if from != to {
		b.used.Add(int64(to - from))
	}
}

const (
	keptPartials     = 1024    // free partials kept for reuse
	keptMessageBytes = 4 << 10 // longer message buffers go back to the heap
)

// Parser reads the frames of many connections, one call at a time: it belongs
// to one event loop. It allocates nothing for a message that lies whole in the
// bytes given to it.
type Parser struct {
	limits Limits
	masked bool // the peers must mask
	free   []*partial
}

// NewParser makes a Parser. fromClients says that the peers are clients, whose
// frames must be masked, and not servers, whose frames must not be (section
// 5.1).
func NewParser(limits Limits, fromClients bool) *Parser {
	if limits.MessageBytes == 0 {
		limits.MessageBytes = DefaultMessageBytes
	}
	if limits.Buffer == nil {
		limits.Buffer = NewBuffer(0)
	}
	return &Parser{limits: limits, masked: fromClients}
}

// State is where one connection stands between two reads. The zero State is
// the start of a stream.
type State struct{ p *partial }

// partial is what a connection must remember while something is incomplete.
type partial struct {
	head  [maxHeaderBytes + MaxControlBytes]byte // an incomplete header or control frame
	headN int

	inMessage bool // a data message has begun
	message   []byte
	op        Opcode // of the message
	text      text

	inFrame   bool // a data frame's header was taken, its payload not yet all
	frame     header
	frameDone int64 // payload bytes taken of it
}

func (p *partial) idle() bool { return p.headN == 0 && !p.inMessage && !p.inFrame }

// Next takes bytes from the front of b, n of them, until a message is whole or
// b is used up. Call it until m.Op is 0: only then is all of b taken, and what
// the last message occupied is free again. Masked payload is unmasked in b.
//
// An error is one of this package's; the stream is then lost.
func (ps *Parser) Next(s *State, b []byte) (m Message, n int, err error) {
	return ps.NextOf(s, b, false)
}

// NextOf is Next for a connection whose messages may be compressed, if deflated is true. A
// compressed message has an Op with Deflated added, and is as it was sent.
func (ps *Parser) NextOf(s *State, b []byte, deflated bool) (m Message, n int, err error) {
	if s.p != nil && s.p.idle() {
		ps.Release(s)
	}
	for {
		if p := s.p; p != nil && p.inFrame {
			took, err := ps.payload(p, b[n:])
			n += took
			if err != nil || p.inFrame {
				return Message{}, n, err
			}
			if !p.inMessage {
				return Message{p.op, p.message}, n, nil
			}
		}
		if n == len(b) {
			return Message{}, n, nil
		}
		m, took, err := ps.head(s, b[n:], deflated)
		n += took
		if m.Op != 0 || err != nil || !s.inFrame() {
			return m, n, err
		}
	}
}

func (s *State) inFrame() bool { return s.p != nil && s.p.inFrame }

// head takes a header, with it the whole frame when that is a control frame or
// a message that lies whole in b. When it returns neither a message nor an
// error, all of b was taken or the payload of a data frame follows.
func (ps *Parser) head(s *State, b []byte, deflated bool) (m Message, n int, err error) {
	view, had := b, 0
	if s.p != nil && s.p.headN > 0 {
		had = s.p.headN
		view = s.p.head[:had+copy(s.p.head[had:], b)]
	}
	h, size, err := parseHeader(view, deflated)
	if err != nil {
		return m, 0, err
	}
	if size > 0 && h.masked != ps.masked {
		if h.masked {
			return m, 0, ErrMasked
		}
		return m, 0, ErrUnmasked
	}
	if size == 0 || h.op.isControl() && len(view) < size+int(h.length) {
		p := ps.take(s)
		if had == 0 {
			copy(p.head[:], view)
		}
		p.headN = len(view)
		return m, len(view) - had, nil
	}
	if s.p != nil {
		s.p.headN = 0
	}
	if h.op.isControl() {
		payload := view[size : size+int(h.length)]
		if h.masked {
			xor(h.mask, 0, payload)
		}
		return Message{h.op, payload}, size + int(h.length) - had, nil
	}

	n = size - had
	begun := s.p != nil && s.p.inMessage
	if begun != (h.op == Continuation) {
		return m, n, ErrContinuation
	}
	have := int64(0)
	if begun {
		have = int64(len(s.p.message))
	}
	if h.length > ps.limits.MessageBytes-have {
		return m, n, ErrMessageTooBig
	}
	if rest := b[n:]; !begun && h.fin && int64(len(rest)) >= h.length {
		payload := rest[:h.length]
		if h.masked {
			xor(h.mask, 0, payload)
		}
		if h.op == Text && !valid(payload) {
			return m, n, ErrUTF8
		}
		return Message{h.op, payload}, n + len(payload), nil
	}
	p := ps.take(s)
	if !begun {
		p.inMessage, p.op, p.message, p.text = true, h.op, p.message[:0], text{}
	}
	p.inFrame, p.frame, p.frameDone = true, h, 0
	return m, n, nil
}

// payload takes what b holds of the current data frame.
func (ps *Parser) payload(p *partial, b []byte) (n int, err error) {
	b = b[:min(int64(len(b)), p.frame.length-p.frameDone)]
	start := len(p.message)
	if before, size := cap(p.message), p.sizeFor(len(b)); size > before {
		if !ps.limits.Buffer.hasRoomFor(size - before) {
			return 0, ErrBufferLimit
		}
		p.message = append(make([]byte, 0, size), p.message...)
		ps.limits.Buffer.grew(before, size)
	}
	p.message = append(p.message, b...)
	piece := p.message[start:]
	if p.frame.masked {
		xor(p.frame.mask, p.frameDone, piece)
	}
	if p.op == Text && !p.text.add(piece) {
		return len(b), ErrUTF8
	}
	p.frameDone += int64(len(b))
	if p.frameDone < p.frame.length {
		return len(b), nil
	}
	p.inFrame = false
	if p.frame.fin {
		p.inMessage = false
		if p.op == Text && !p.text.done() {
			return len(b), ErrUTF8
		}
	}
	return len(b), nil
}

// sizeFor is the new size of the message's memory for n more bytes. It is twice the old one, so
// that a long message is not copied too often, but no more than its last frame will fill. A
// length that a peer only declares takes no memory.
func (p *partial) sizeFor(n int) int {
	needed := len(p.message) + n
	if needed <= cap(p.message) {
		return cap(p.message)
	}
	size := max(needed, 2*cap(p.message))
	if p.frame.fin {
		size = min(size, len(p.message)+int(p.frame.length-p.frameDone))
	}
	return size
}

func (ps *Parser) take(s *State) *partial {
	if s.p == nil {
		if last := len(ps.free) - 1; last >= 0 {
			s.p = ps.free[last]
			ps.free = ps.free[:last]
		} else {
			s.p = new(partial)
		}
	}
	return s.p
}

// Release frees what s holds. For a connection that ends in mid-message; s is
// then at the start of a stream.
func (ps *Parser) Release(s *State) {
	p := s.p
	if p == nil {
		return
	}
	s.p = nil
	message := p.message
	if cap(message) > keptMessageBytes || len(ps.free) >= keptPartials {
		ps.limits.Buffer.grew(cap(message), 0)
		message = nil
	}
	if len(ps.free) >= keptPartials {
		return
	}
	*p = partial{message: message[:0]}
	ps.free = append(ps.free, p)
}

package eventstream

import (
	"bytes"
	"errors"
	"math"

	"xk6-realtime/engine/frame"
)

// Errors of a Parser: limits of this side, not breaches of the peer's.
var (
	ErrEventTooBig = errors.New("eventstream: an event is larger than the limit")
	ErrBufferLimit = errors.New("eventstream: no memory is left for events half received")
)

// Event is one event as the WHATWG grammar dispatches it. Its texts are bytes as they came,
// perhaps invalid UTF-8. They are good until the next call.
type Event struct {
	// Type is "message" where the stream names none.
	Type []byte
	// Data are its data lines, joined by line feeds.
	Data []byte
	// ID is the id of this event's own block; nil where it has none.
	ID []byte
}

// Limits bounds what peers can make a Parser hold. A zero field means the
// default of package frame.
type Limits struct {
	// EventBytes is the largest event, and the longest line, in bytes.
	EventBytes int64
	// Buffer bounds what all streams hold of events half received.
	Buffer *frame.Buffer
}

// Parser reads the event streams of many connections, one call at a time: it
// belongs to one loop. It allocates nothing for an event that lies whole in the
// bytes given to it.
type Parser struct {
	limits  Limits
	whole   block // what is read of the present bytes, where nothing was left before
	joined  []byte
	free    []*block
	lf, cr  int // the next of each in the present bytes
	present []byte
}

// NewParser makes a Parser.
func NewParser(limits Limits) *Parser {
	if limits.EventBytes == 0 {
		limits.EventBytes = frame.DefaultMessageBytes
	}
	if limits.Buffer == nil {
		limits.Buffer = frame.NewBuffer(0)
	}
	return &Parser{limits: limits}
}

// State is where one stream stands between two reads. The zero State is the
// start of a stream.
type State struct {
	rest    *block // what has come of an event; nil between two
	lastID  []byte
	retryMs int64 // plus one; 0 where the stream has not said
	bom     uint8 // bytes of the byte order mark that came; past it once the stream has begun
	afterCR bool
	// comments counts the lines that are comments.
	comments int64
	released bool
}

// LastID is the last event ID, which a reconnection sends as Last-Event-ID.
func (s *State) LastID() []byte { return s.lastID }

// RetryMs is the reconnection time that the stream asked for, in milliseconds.
func (s *State) RetryMs() (ms int64, given bool) { return s.retryMs - 1, s.retryMs > 0 }

// Comments is how many lines were comments, as many servers send to keep a
// stream alive.
func (s *State) Comments() int64 { return s.comments }

// block is an event that has not come whole.
type block struct {
	// held says that the texts are the block's own memory, not the present
	// bytes.
	held    bool
	comment bool   // the line that has begun is a comment, which is not kept
	line    []byte // that has begun
	data    []byte // the data lines so far; see lines
	lines   int    // how many they are
	kind    []byte
	id      []byte
	hasID   bool
}

const (
	byteOrderMark = "\xEF\xBB\xBF"
	keptBlocks    = 1024
	keptBytes     = 4 << 10 // more goes back to the heap
)

// Next takes bytes from the front of b, n of them, until an event is whole, which
// ok tells, or b is used up. What follows an event's last line end stays, but for
// the second half of a CR LF. An error is one of this package's; the stream is
// then lost.
func (p *Parser) Next(s *State, b []byte) (e Event, n int, ok bool, err error) {
	if s.bom < uint8(len(byteOrderMark)) && len(b) > 0 {
		if n, err = p.begin(s, b); err != nil {
			return e, n, false, err
		}
	}
	k := &p.whole
	if s.rest != nil {
		k = s.rest
	} else {
		*k = block{}
	}
	p.lf, p.cr, p.present = -1, -1, b
	for n < len(b) {
		if s.afterCR {
			s.afterCR = false
			if b[n] == '\n' {
				n++
				continue
			}
		}
		end := p.lineEnd(n)
		if end < 0 {
			err = p.keep(s, k, b[n:])
			return e, len(b), false, err
		}
		line := b[n:end]
		n = end + 1
		s.afterCR = b[end] == '\r'
		if len(k.line) > 0 || k.comment {
			line, err = p.complete(k, line)
			if err != nil {
				return e, n, false, err
			}
		}
		if len(line) > 0 {
			if err := p.take(s, k, line); err != nil {
				return e, n, false, err
			}
			continue
		}
		if e, ok, err = p.dispatch(s, k); ok || err != nil {
			if s.afterCR && n < len(b) && b[n] == '\n' {
				s.afterCR = false
				n++
			}
			return e, n, ok, err
		}
		k = &p.whole
		*k = block{}
	}
	return e, n, false, p.keep(s, k, nil)
}

// begin takes the byte order mark that a stream may begin with.
func (p *Parser) begin(s *State, b []byte) (n int, err error) {
	for n < len(b) && s.bom < uint8(len(byteOrderMark)) {
		if b[n] != byteOrderMark[s.bom] {
			came := byteOrderMark[:s.bom]
			s.bom = uint8(len(byteOrderMark))
			if n < len(came) { // some of what looked like it came in an earlier read
				return n, p.keep(s, &block{}, []byte(came))
			}
			return 0, nil
		}
		s.bom++
		n++
	}
	return n, nil
}

// lineEnd is where the line that goes on at from ends in the present bytes, -1
// for not in them. Each end is looked for once, however many lines there are.
func (p *Parser) lineEnd(from int) int {
	p.lf = nextOf(p.present, '\n', from, p.lf)
	p.cr = nextOf(p.present, '\r', from, p.cr)
	end := min(p.lf, p.cr)
	if end == len(p.present) {
		return -1
	}
	return end
}

func nextOf(b []byte, c byte, from, known int) int {
	if known >= from {
		return known
	}
	if i := bytes.IndexByte(b[from:], c); i >= 0 {
		return from + i
	}
	return len(b)
}

// complete is the line whose end has come. That of a comment is empty of what
// it said.
func (p *Parser) complete(k *block, end []byte) (line []byte, err error) {
	if k.comment {
		k.comment = false
		return colon, nil
	}
	err = p.append(&k.line, end)
	line = k.line
	k.line = k.line[:0]
	return line, err
}

var colon = []byte(":")

// take takes one line that is not empty.
func (p *Parser) take(s *State, k *block, line []byte) error {
	name, value, _ := bytes.Cut(line, colon)
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "":
		s.comments++
	case "data":
		return p.addData(k, value)
	case "event":
		return p.set(k, &k.kind, value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			k.hasID = true
			return p.set(k, &k.id, value)
		}
	case "retry":
		if ms, ok := digits(value); ok {
			s.retryMs = ms + 1
		}
	}
	return nil
}

// digits is a whole number of ASCII digits, at most what 32 bits hold.
func digits(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), math.MaxInt32)
	}
	return n, len(b) > 0
}

// addData adds a data line. The first one of a block that lies whole in the
// present bytes is not copied.
func (p *Parser) addData(k *block, value []byte) error {
	if int64(len(k.data)+len(value)) > p.limits.EventBytes {
		return ErrEventTooBig
	}
	k.lines++
	switch {
	case k.lines > 1 && k.held:
		if err := p.append(&k.data, newline); err != nil {
			return err
		}
		return p.append(&k.data, value)
	case k.held:
		return p.append(&k.data, value)
	case k.lines > 2:
		p.joined = append(append(p.joined, '\n'), value...)
		k.data = p.joined
	case k.lines == 2:
		p.joined = append(append(append(p.joined[:0], k.data...), '\n'), value...)
		k.data = p.joined
	default:
		k.data = value
	}
	return nil
}

var newline = []byte("\n")

// set gives a field its last value.
func (p *Parser) set(k *block, field *[]byte, value []byte) error {
	if !k.held {
		*field = value
		return nil
	}
	*field = (*field)[:0]
	return p.append(field, value)
}

// append adds to memory of a block's own, as far as the limits have it.
func (p *Parser) append(to *[]byte, b []byte) error {
	const longestName = len("event: ")
	needed, most := len(*to)+len(b), int(p.limits.EventBytes)+longestName
	if needed > most {
		return ErrEventTooBig
	}
	if before := cap(*to); needed > before {
		size := max(needed, min(2*before, most))
		if !p.limits.Buffer.Grow(before, size) {
			return ErrBufferLimit
		}
		*to = append(make([]byte, 0, size), *to...)
	}
	*to = append(*to, b...)
	return nil
}

// keep makes what has come of an event the stream's own, until more comes. begun
// is of a line that has no end yet.
func (p *Parser) keep(s *State, k *block, begun []byte) error {
	if s.rest == nil {
		if k.lines == 0 && k.kind == nil && !k.hasID && len(begun) == 0 && !k.comment {
			return nil
		}
		own := p.newBlock()
		s.rest = own
		own.lines, own.hasID = k.lines, k.hasID
		for _, field := range [...]struct{ to, from *[]byte }{{&own.data, &k.data}, {&own.kind, &k.kind}, {&own.id, &k.id}} {
			if err := p.append(field.to, *field.from); err != nil {
				return err
			}
		}
		k = own
	}
	if k.comment || len(k.line) == 0 && len(begun) > 0 && begun[0] == ':' {
		k.comment = true
		return nil
	}
	return p.append(&k.line, begun)
}

func (p *Parser) newBlock() *block {
	if last := len(p.free) - 1; last >= 0 {
		k := p.free[last]
		p.free = p.free[:last]
		return k
	}
	return &block{held: true}
}

// dispatch ends a block. One without data is not an event (section 9.2.6), but its id counts.
func (p *Parser) dispatch(s *State, k *block) (e Event, ok bool, err error) {
	if k.hasID {
		if err := p.append(sliced(&s.lastID), k.id); err != nil {
			return e, false, err
		}
		e.ID = k.id
	}
	e.Type, e.Data = k.kind, k.data
	if len(e.Type) == 0 {
		e.Type = message
	}
	if k.hasID && e.ID == nil {
		e.ID = none
	}
	ok = k.lines > 0
	if k == s.rest {
		p.forget(s)
	}
	return e, ok, nil
}

var message, none = []byte("message"), []byte{}

// sliced empties b and keeps its memory.
func sliced(b *[]byte) *[]byte {
	*b = (*b)[:0]
	return b
}

// forget gives back the block of a stream, whose texts stay good until another
// stream needs it.
func (p *Parser) forget(s *State) {
	k := s.rest
	s.rest = nil
	if k == nil {
		return
	}
	keeps := len(p.free) < keptBlocks
	for _, field := range [...]*[]byte{&k.line, &k.data, &k.kind, &k.id} {
		if !keeps || cap(*field) > keptBytes {
			p.limits.Buffer.Grow(cap(*field), 0)
			*field = nil
		}
		*field = (*field)[:0]
	}
	*k = block{held: true, line: k.line, data: k.data, kind: k.kind, id: k.id}
	if keeps {
		p.free = append(p.free, k)
	}
}

// Release frees the memory that a stream holds of its loop. The stream may end in the middle of
// an event, which then does not count (section 9.2.6). Its last event ID stays good.
func (p *Parser) Release(s *State) {
	p.forget(s)
	if !s.released {
		s.released = true
		p.limits.Buffer.Grow(cap(s.lastID), 0)
	}
}

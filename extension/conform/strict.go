package conform

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Breach is a rule that the testee broke on the wire.
type Breach struct {
	RFC  string // the paragraph
	What string
}

func (b *Breach) Error() string { return b.What + " (" + b.RFC + ")" }

func breach(rfc, format string, args ...any) *Breach {
	return &Breach{RFC: rfc, What: fmt.Sprintf(format, args...)}
}

// received is a frame as it came.
type received struct {
	fin     bool
	rsv     byte
	op      Op
	payload []byte
	head    []byte // as it was on the wire, mask key included
}

// maxFrame bounds what a testee can make this side keep.
const maxFrame = 64 << 20

// strictReader reads a testee's frames and finds each breach of the framing
// rules. It is for one goroutine.
type strictReader struct {
	r        *bufio.Reader
	masked   bool     // the testee is a client, which masks
	inflate  *inflate // nil without permessage-deflate
	message  []byte   // so far, while fragmented
	op       Op       // of the fragmented message, 0 for none
	deflated bool
	closed   bool // a Close frame has come
}

// readFrame reads one frame and checks all that concerns it alone.
func (s *strictReader) readFrame() (*received, error) {
	var head [14]byte
	if _, err := io.ReadFull(s.r, head[:2]); err != nil {
		return nil, err
	}
	f := &received{fin: head[0]&0x80 != 0, rsv: head[0] >> 4 & 7, op: Op(head[0] & 15)}
	n, used, err := s.readLength(head[:])
	if err != nil {
		return nil, err
	}
	masked := head[1]&0x80 != 0
	if masked != s.masked {
		if masked {
			return nil, breach("RFC 6455 5.1", "the server masked a frame")
		}
		return nil, breach("RFC 6455 5.1", "the client sent a frame without a mask")
	}
	if err := s.checkHead(f, n); err != nil {
		return nil, err
	}
	if masked {
		if _, err := io.ReadFull(s.r, head[used:used+4]); err != nil {
			return nil, cut(err)
		}
		used += 4
	}
	f.head = append([]byte(nil), head[:used]...)
	f.payload = make([]byte, n)
	if _, err := io.ReadFull(s.r, f.payload); err != nil {
		return nil, cut(err)
	}
	if masked {
		mask(f.payload, [4]byte(head[used-4:used]))
	}
	return f, nil
}

// errCut is an end of the stream inside a frame.
var errCut = errors.New("the connection ended inside a frame")

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

// readLength reads the length behind the first two bytes and returns how much
// of the head is used.
func (s *strictReader) readLength(head []byte) (n uint64, used int, err error) {
	n = uint64(head[1] & 0x7f)
	extra := 0
	switch n {
	case 126:
		extra = 2
	case 127:
		extra = 8
	default:
		return n, 2, nil
	}
	if _, err := io.ReadFull(s.r, head[2:2+extra]); err != nil {
		return 0, 0, cut(err)
	}
	least := uint64(126)
	if extra == 2 {
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	} else {
		n = binary.BigEndian.Uint64(head[2:])
		least = 1 << 16
	}
	switch {
	case n>>63 != 0:
		return 0, 0, breach("RFC 6455 5.2", "a 64-bit length has its highest bit set")
	case n < least:
		return 0, 0, breach("RFC 6455 5.2", "length %d takes %d bytes, more than it needs", n, extra)
	case n > maxFrame:
		return 0, 0, breach("RFC 6455 10.4", "a frame of %d bytes, more than was ever sent", n)
	}
	return n, 2 + extra, nil
}

func (s *strictReader) checkHead(f *received, n uint64) error {
	switch {
	case s.closed:
		return breach("RFC 6455 5.5.1", "a %s frame came after the Close frame", f.op)
	case f.op > OpPong || f.op > OpBinary && f.op < OpClose:
		return breach("RFC 6455 5.2", "reserved opcode %d", f.op)
	case f.op.control() && !f.fin:
		return breach("RFC 6455 5.5", "a fragmented %s frame", f.op)
	case f.op.control() && n > 125:
		return breach("RFC 6455 5.5", "a %s frame of %d bytes, 125 is the most", f.op, n)
	case f.op == OpContinuation && s.op == 0:
		return breach("RFC 6455 5.4", "a continuation frame with nothing to continue")
	case (f.op == OpText || f.op == OpBinary) && s.op != 0:
		return breach("RFC 6455 5.4", "a %s frame inside a fragmented message", f.op)
	}
	return s.checkRSV(f)
}

func (s *strictReader) checkRSV(f *received) error {
	switch {
	case f.rsv == 0:
		return nil
	case s.inflate == nil:
		return breach("RFC 6455 5.2", "reserved bits %03b without an extension that defines them", f.rsv)
	case f.rsv != rsv1:
		return breach("RFC 6455 5.2", "reserved bits %03b, permessage-deflate defines RSV1 only", f.rsv)
	case f.op.control():
		return breach("RFC 7692 6.1", "RSV1 on a %s frame", f.op)
	case f.op == OpContinuation:
		return breach("RFC 7692 6.1", "RSV1 on a frame that is not the message's first")
	}
	return nil
}

// take adds a frame to what came before. It returns the event that the frame
// completes; a nil event means that the message goes on. A Close frame that
// breaks a rule is an event and an error.
func (s *strictReader) take(f *received) (*Event, error) {
	switch f.op {
	case OpClose:
		s.closed = true
		return closeEvent(f.payload)
	case OpPing:
		return &Event{Kind: Ping, Data: f.payload}, nil
	case OpPong:
		return &Event{Kind: Pong, Data: f.payload}, nil
	case OpContinuation:
		s.message = append(s.message, f.payload...)
	default:
		s.message, s.op, s.deflated = f.payload, f.op, f.rsv == rsv1
	}
	if len(s.message) > maxFrame {
		return nil, breach("RFC 6455 10.4", "a message of more than %d bytes", maxFrame)
	}
	if !f.fin {
		return nil, nil
	}
	return s.complete()
}

func (s *strictReader) complete() (*Event, error) {
	data, op := s.message, s.op
	s.message, s.op = nil, 0
	if s.deflated {
		var err error
		if data, err = s.inflate.message(data); err != nil {
			return nil, breach("RFC 7692 7.2.2", "a compressed message cannot be inflated: %v", err)
		}
	}
	if op == OpBinary {
		return &Event{Kind: Binary, Data: data}, nil
	}
	if !utf8.Valid(data) {
		return nil, breach("RFC 6455 8.1", "a text message that is not UTF-8")
	}
	return &Event{Kind: Text, Data: data}, nil
}

func closeEvent(payload []byte) (*Event, error) {
	e := &Event{Kind: Close, Data: payload}
	switch {
	case len(payload) == 0:
		return e, nil
	case len(payload) == 1:
		return nil, breach("RFC 6455 5.5.1", "a Close frame with a body of one byte")
	}
	e.Code = int(binary.BigEndian.Uint16(payload))
	if !sendable(e.Code) {
		return e, breach("RFC 6455 7.4", "a Close frame with code %d, which must not be sent", e.Code)
	}
	if !utf8.Valid(payload[2:]) {
		return e, breach("RFC 6455 5.5.1", "a Close frame with a reason that is not UTF-8")
	}
	return e, nil
}

// sendable tells whether a Close frame may carry the code: RFC 6455 7.4, and
// 1012 to 1014 of the IANA registry.
func sendable(code int) bool {
	switch code {
	case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
		return true
	}
	return code >= 3000 && code <= 4999
}

package http2

import (
	"encoding/binary"

	"xk6-realtime/engine/wire"
)

// input is where the reading of a connection stands.
type input struct {
	preface bool // a client's is awaited, whole
	head    frameHeader
	begun   bool   // head is that of a frame whose payload is being read
	rest    int    // bytes of it that are still to come, without padding
	part    []byte // of a header or payload, while it is incomplete

	// Of a DATA frame.
	padded  bool // the padding's length is still to come
	padding int  // bytes of it that are still to come
	free    int  // what the window lost to padding
	ignored bool // the stream is over

	// Of a field section, while it is incomplete: its stream, whether that ends
	// with it, and its bytes so far. 0: none.
	section   uint32
	ends      bool
	block     []byte
	blockCost int // the bytes of its frames, headers included
}

// Received takes bytes as they came. more is as in [wire.Message]. After an
// error the connection is to be ended with it: see Leave.
func (s *Session) Received(b []byte, more bool, a wire.Arrival) *Error {
	in := &s.in
	for len(b) > 0 && !s.over {
		if in.preface {
			whole, rest, ok := in.whole(b, len(Preface))
			if !ok {
				return nil
			}
			if string(whole) != Preface {
				return broken(ProtocolError, "the connection does not begin with HTTP/2's preface")
			}
			in.preface, b = false, rest
			continue
		}
		if !in.begun {
			whole, rest, ok := in.whole(b, headerBytes)
			if !ok {
				return nil
			}
			in.head, b = parseHeader(whole), rest
			if err := s.begun(); err != nil {
				return err
			}
			if in.head.kind != frameData && in.head.length > 0 {
				continue
			}
		}
		var err *Error
		if b, err = s.payload(b, more, a); err != nil {
			return err
		}
	}
	return nil
}

// keptBytes is how much memory a connection at rest keeps of frames in parts.
const keptBytes = 1 << 10

// whole is the first n bytes of what came, once they have all come, and what
// follows them.
func (in *input) whole(b []byte, n int) (whole, rest []byte, ok bool) {
	if len(in.part) == 0 && len(b) >= n {
		return b[:n], b[n:], true
	}
	take := min(n-len(in.part), len(b))
	in.part = append(in.part, b[:take]...)
	if len(in.part) < n {
		return nil, nil, false
	}
	whole, in.part = in.part, in.part[:0]
	return whole, b[take:], true
}

// begun looks at a frame's header.
func (s *Session) begun() *Error {
	in := &s.in
	h := &in.head
	in.begun, in.rest = true, h.length
	if cap(in.part) > keptBytes {
		in.part = nil
	}
	switch {
	case !s.ready && h.isHTTP1():
		return broken(ProtocolError, speaksHTTP1)
	case h.length > frameBytes:
		return broken(FrameSizeError, "a frame is longer than SETTINGS_MAX_FRAME_SIZE")
	case !s.ready && (h.kind != frameSettings || h.has(flagAck)):
		return broken(ProtocolError, "the first frame is not SETTINGS")
	case in.section != 0 && (h.kind != frameContinuation || h.streamID != in.section):
		return broken(ProtocolError, "a field section is interrupted")
	case in.section == 0 && h.kind == frameContinuation:
		return broken(ProtocolError, "CONTINUATION without a field section")
	}
	if h.kind == frameHeaders || h.kind == frameContinuation {
		in.blockCost += headerBytes + h.length
		if in.blockCost > 2*s.o.HeaderBytes { // which no section within the limit needs
			return broken(EnhanceYourCalm, "a field section does not end")
		}
	}
	if h.kind == frameData {
		return s.dataBegun()
	}
	return nil
}

// payload takes what there is of the present frame's payload: DATA as it comes,
// all else once it is whole.
func (s *Session) payload(b []byte, more bool, a wire.Arrival) (rest []byte, err *Error) {
	in := &s.in
	if in.head.kind == frameData {
		return s.data(b, more, a)
	}
	if isUnknown(in.head.kind) { // section 5.5
		n := min(in.rest, len(b))
		if in.rest -= n; in.rest == 0 {
			in.begun = false
		}
		return b[n:], nil
	}
	whole, rest, ok := in.whole(b, in.head.length)
	if !ok {
		return nil, nil
	}
	in.begun = false
	return rest, s.take(whole, a)
}

func isUnknown(k frameType) bool { return k > frameContinuation }

// take takes a whole frame but DATA.
func (s *Session) take(b []byte, a wire.Arrival) *Error {
	h := &s.in.head
	if rule := rules[h.kind]; !rule.allows(h) {
		return broken(rule.code(h), rule.name+": wrong length or stream")
	}
	switch h.kind {
	case frameHeaders:
		return s.headersCame(b, a)
	case frameContinuation:
		return s.sectionCame(b, a)
	case frameReset:
		return s.resetCame(Code(binary.BigEndian.Uint32(b)))
	case frameSettings:
		return s.settingsCame(b)
	case framePing:
		if !h.has(flagAck) {
			s.frame(framePing, flagAck, 0, b)
		}
	case frameGoAway:
		last := binary.BigEndian.Uint32(b) &^ (1 << 31)
		s.owner.GoingAway(last, Code(binary.BigEndian.Uint32(b[4:])), b[8:])
	case frameWindow:
		return s.windowCame(binary.BigEndian.Uint32(b) &^ (1 << 31))
	case framePush:
		return broken(ProtocolError, "PUSH_PROMISE, which is not enabled")
	}
	return nil
}

// find is the stream of the present frame, nil for one that is over. One that
// was never opened is a breach (section 5.1, idle).
func (s *Session) find() (*Stream, *Error) {
	id := s.in.head.streamID
	st := s.streams[id]
	if st != nil {
		return st, nil
	}
	isOurs := id%2 == 1 != s.o.Server
	if isOurs && id >= s.nextID || !isOurs && id > s.lastID {
		return nil, broken(ProtocolError, rules[s.in.head.kind].name+" on a stream that was never opened")
	}
	return nil, nil
}

func (s *Session) settingsCame(b []byte) *Error {
	if s.in.head.has(flagAck) {
		return nil
	}
	if err := s.takeSettings(b); err != nil {
		return err
	}
	s.frame(frameSettings, flagAck, 0, nil)
	if !s.ready {
		s.ready = true
		s.owner.Ready(s.peer)
	}
	return nil
}

func (s *Session) windowCame(more uint32) *Error {
	id := s.in.head.streamID
	if id == 0 {
		if more == 0 {
			return broken(ProtocolError, "WINDOW_UPDATE of 0")
		}
		if s.send += int64(more); s.send > maxWindow {
			return broken(FlowControlError, "WINDOW_UPDATE takes the connection's window above 2^31-1")
		}
		s.wake()
		return nil
	}
	st, err := s.find()
	switch {
	case err != nil || st == nil:
		return err
	case more == 0:
		s.breach(st, ProtocolError, "WINDOW_UPDATE of 0")
	case int64(st.send)+int64(more) > maxWindow:
		s.breach(st, FlowControlError, "WINDOW_UPDATE takes a stream's window above 2^31-1")
	default:
		st.send += int32(more)
		if st.waits {
			st.handler.Writable()
		}
	}
	return nil
}

func (s *Session) resetCame(code Code) *Error {
	st, err := s.find()
	if st == nil {
		return err
	}
	s.close(st)
	st.handler.Reset(code, "")
	return nil
}

// breach ends a stream on which the peer broke the protocol.
func (s *Session) breach(st *Stream, code Code, how string) {
	s.Reset(st, code)
	st.handler.Reset(code, how)
}

package http2

import "xk6-realtime/engine/wire"

// dataBegun looks at a DATA frame before its payload has come. All of it counts
// for flow control, padding included (section 6.9.1).
func (s *Session) dataBegun() *Error {
	in := &s.in
	n := int32(in.head.length)
	if in.head.streamID == 0 {
		return broken(ProtocolError, "DATA on stream 0")
	}
	if s.recv -= n; s.recv < 0 {
		return broken(FlowControlError, "DATA beyond the connection's window")
	}
	if s.recv < connectionWindow/2 {
		s.window(0, connectionWindow-s.recv)
		s.recv = connectionWindow
	}
	st, err := s.find()
	if err != nil {
		return err
	}
	switch {
	case st == nil:
	case st.remoteEnded:
		s.breach(st, StreamClosed, "DATA after END_STREAM")
		st = nil
	case !s.o.Server && !st.answered:
		s.breach(st, ProtocolError, "DATA before the answer")
		st = nil
	case n > st.recv:
		s.breach(st, FlowControlError, "DATA beyond the stream's window")
		st = nil
	default:
		st.recv -= n
	}
	in.ignored = st == nil
	in.padded, in.padding, in.free = in.head.has(flagPadded), 0, 0
	if in.padded && n == 0 {
		return broken(FrameSizeError, "DATA without its padding's length")
	}
	return nil
}

// data takes what there is of a DATA frame.
func (s *Session) data(b []byte, more bool, a wire.Arrival) (rest []byte, _ *Error) {
	in := &s.in
	if in.padded {
		if len(b) == 0 {
			return nil, nil
		}
		in.padded, in.padding = false, int(b[0])
		in.free = in.padding + 1
		if in.rest -= in.free; in.rest < 0 {
			return nil, broken(ProtocolError, "padding is longer than its frame")
		}
		b = b[1:]
	}
	st := s.streams[in.head.streamID]
	if in.ignored {
		st = nil
	}
	if n := min(in.rest, len(b)); n > 0 {
		var chunk []byte
		chunk, b = b[:n], b[n:]
		in.rest -= n
		if st != nil && !st.fits(n) {
			s.breach(st, ProtocolError, otherLength)
			in.ignored, st = true, nil
		}
		if st != nil {
			st.handler.Data(chunk, more || len(b) > 0, a)
		}
	}
	n := min(in.padding, len(b))
	in.padding -= n
	b = b[n:]
	if in.rest > 0 || in.padding > 0 {
		return b, nil
	}
	in.begun = false
	if st == nil || s.over || st.closed {
		return b, nil
	}
	if in.free > 0 {
		s.Took(st, in.free)
	}
	if in.head.has(flagEndStream) {
		s.remoteEnded(st)
	}
	return b, nil
}

// otherLength: an answer is malformed (RFC 9113 section 8.1.1).
const otherLength = "a body of another length than its content-length"

// fits tells whether n bytes more are part of the body, and counts them.
func (st *Stream) fits(n int) bool {
	switch {
	case st.left < 0:
		return true
	case int64(n) > st.left:
		return false
	}
	st.left -= int64(n)
	return true
}

func (s *Session) remoteEnded(st *Stream) {
	if st.left > 0 {
		s.breach(st, ProtocolError, otherLength)
		return
	}
	st.remoteEnded = true
	if st.localEnded {
		s.close(st)
	}
	st.handler.Ended()
}

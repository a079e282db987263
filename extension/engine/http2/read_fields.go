package http2

import (
	"slices"
	"strconv"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/wire"
)

// headersCame takes a HEADERS frame.
func (s *Session) headersCame(b []byte, a wire.Arrival) *Error {
	in := &s.in
	h := &in.head
	padding := 0
	if h.has(flagPadded) {
		if len(b) == 0 {
			return broken(FrameSizeError, "HEADERS without its padding's length")
		}
		padding, b = int(b[0]), b[1:]
	}
	if h.has(flagPriority) {
		const priorityBytes = 5
		if len(b) < priorityBytes {
			return broken(FrameSizeError, "HEADERS without its priority")
		}
		b = b[priorityBytes:]
	}
	if padding > len(b) {
		return broken(ProtocolError, "padding is longer than its frame")
	}
	in.section, in.ends = h.streamID, h.has(flagEndStream)
	return s.sectionCame(b[:len(b)-padding], a)
}

// sectionCame takes a part of a field section.
func (s *Session) sectionCame(b []byte, a wire.Arrival) *Error {
	in := &s.in
	if !in.head.has(flagEndHeaders) {
		in.block = append(in.block, b...)
		return nil
	}
	if len(in.block) > 0 {
		in.block = append(in.block, b...)
		b = in.block
	}
	s.decoded, s.fields = s.decoded[:0], 0
	_, err := s.decoder.Write(b)
	if err == nil {
		err = s.decoder.Close()
	}
	in.section, in.block, in.blockCost = 0, nil, 0
	if err != nil {
		return broken(CompressionError, "a field section cannot be decoded")
	}
	defer s.forget()
	return s.fieldsCame(a)
}

// forget lets go of the last field section.
func (s *Session) forget() {
	const kept = 32
	clear(s.decoded)
	if cap(s.decoded) > kept {
		s.decoded = nil
	}
}

func (s *Session) decodedField(f hpack.HeaderField) {
	s.fields += len(f.Name) + len(f.Value) + fieldOverhead
	if s.fields <= s.o.HeaderBytes { // beyond it they are counted only: a bomb stays small
		s.decoded = append(s.decoded, f)
	}
}

// fieldsCame takes a whole field section: a request, an answer, or trailers.
func (s *Session) fieldsCame(a wire.Arrival) *Error {
	in := &s.in
	id := in.head.streamID
	if s.o.Server && id > s.lastID {
		return s.asked(id, a)
	}
	st, err := s.find()
	if st == nil {
		return err
	}
	wrong := s.fieldsWrong()
	switch {
	case st.remoteEnded:
		s.breach(st, StreamClosed, "HEADERS after END_STREAM")
	case wrong != "":
		s.breach(st, ProtocolError, wrong)
	case s.o.Server || st.answered:
		s.trailersCame(st)
	default:
		s.answerCame(st, a)
	}
	return nil
}

// trailersCame takes the fields behind a body.
func (s *Session) trailersCame(st *Stream) {
	switch {
	case !s.in.ends:
		s.breach(st, ProtocolError, "HEADERS again")
	case slices.ContainsFunc(s.decoded, hpack.HeaderField.IsPseudo):
		s.breach(st, ProtocolError, "a pseudo-header field in trailers")
	default:
		s.remoteEnded(st)
	}
}

// answerCame takes a server's answer, or an interim one.
func (s *Session) answerCame(st *Stream, a wire.Arrival) {
	st.answered = !isInterim(s.decoded)
	switch {
	case !st.answered && s.in.ends:
		s.breach(st, ProtocolError, "an interim answer with END_STREAM")
		return
	case st.answered && !st.tunnels:
		left, ok := bodyLength(s.decoded)
		if !ok {
			s.breach(st, ProtocolError, "a content-length that is not a length")
			return
		}
		st.left = left
	}
	st.handler.Fields(s.decoded, a)
	if s.in.ends && !st.closed {
		s.remoteEnded(st)
	}
}

// bodyLength is the value of content-length, -1 without one.
func bodyLength(fields []hpack.HeaderField) (length int64, ok bool) {
	length = -1
	for _, f := range fields {
		if f.Name != "content-length" {
			continue
		}
		n, err := strconv.ParseUint(f.Value, 10, 62)
		if err != nil || length >= 0 && length != int64(n) {
			return 0, false
		}
		length = int64(n)
	}
	return length, true
}

func isInterim(fields []hpack.HeaderField) bool {
	return len(fields) > 0 && fields[0].Name == ":status" && len(fields[0].Value) == 3 && fields[0].Value[0] == '1'
}

// asked takes a client's new stream.
func (s *Session) asked(id uint32, a wire.Arrival) *Error {
	if id%2 == 0 {
		return broken(ProtocolError, "a client opened a stream with an even number")
	}
	s.lastID = id
	if s.leaving || s.open >= s.o.MaxStreams {
		s.reset(id, RefusedStream)
		return nil
	}
	if s.fieldsWrong() != "" {
		s.reset(id, ProtocolError)
		return nil
	}
	st, handler := s.owner.Asked()
	s.begin(st, handler, id)
	s.open++
	handler.Fields(s.decoded, a)
	if s.in.ends && !st.closed && !s.over {
		s.remoteEnded(st)
	}
	return nil
}

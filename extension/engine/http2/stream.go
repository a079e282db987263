package http2

import (
	"errors"
	"slices"

	"golang.org/x/net/http2/hpack"
)

// Stream is one stream of a Session. The zero Stream is not open yet.
type Stream struct {
	id   uint32
	send int32 // what the peer takes; below 0 after it took its window back
	recv int32 // what it may send
	owed int32 // what was taken of it and not given back to the window

	answered    bool // the final answer came, or was sent
	localEnded  bool // we send no more
	remoteEnded bool // nor does the peer
	closed      bool
	waits       bool // for room, among the session's waiting
	tunnels     bool // it was asked for by CONNECT: DATA are no body

	left int64 // of the answer's body, by its content-length; -1 for not known

	handler StreamHandler
}

// ErrNoStream: the connection takes no more streams.
var ErrNoStream = errors.New("http2: the connection takes no more streams")

// ID is the stream's number, 0 before it is open.
func (st *Stream) ID() uint32 { return st.id }

// IsClosed tells whether the stream is over.
func (st *Stream) IsClosed() bool { return st.closed }

// CanOpen tells whether a stream can be opened: the peer takes one more.
func (s *Session) CanOpen() bool {
	return s.ready && !s.over && !s.leaving && s.nextID < maxWindow && uint32(len(s.streams)) < s.peer.MaxStreams
}

// Open asks the server for what the fields say, on a fresh stream. With ended, that
// is all.
func (s *Session) Open(st *Stream, handler StreamHandler, fields []hpack.HeaderField, ended bool) error {
	if !s.CanOpen() {
		return ErrNoStream
	}
	s.begin(st, handler, s.nextID)
	s.nextID += 2
	st.tunnels = slices.Contains(fields, hpack.HeaderField{Name: ":method", Value: "CONNECT"})
	s.headers(st, fields, ended)
	st.localEnded = ended
	return nil
}

func (s *Session) begin(st *Stream, handler StreamHandler, id uint32) {
	*st = Stream{id: id, send: s.peer.initialWindow, recv: int32(s.o.StreamWindow), left: -1, handler: handler}
	s.streams[id] = st
}

// Answer answers a client's stream; with ended, that is all.
func (s *Session) Answer(st *Stream, fields []hpack.HeaderField, ended bool) {
	if st.closed || st.answered {
		return
	}
	st.answered = true
	s.headers(st, fields, ended)
	if ended {
		s.ended(st)
	}
}

// headers sends fields, in as many frames as the peer's limit requires.
func (s *Session) headers(st *Stream, fields []hpack.HeaderField, ended bool) {
	s.encoded.Reset()
	for _, f := range fields {
		// A bytes.Buffer takes all that is written to it.
		_ = s.encoder.WriteField(f)
	}
	kind, flags := frameHeaders, uint8(0)
	if ended {
		flags = flagEndStream
	}
	for {
		part := s.encoded.Next(s.peer.frameBytes)
		if s.encoded.Len() == 0 {
			flags |= flagEndHeaders
		}
		s.frame(kind, flags, st.id, part)
		if s.encoded.Len() == 0 {
			return
		}
		kind, flags = frameContinuation, 0
	}
}

// Write sends bytes as far as the peer takes them now, and returns how many
// these are. After fewer than all the handler hears of room.
func (s *Session) Write(st *Stream, b []byte) int {
	if st.closed || st.localEnded {
		return 0
	}
	taken := 0
	if !s.held {
		room := min(int64(len(b)), int64(max(st.send, 0)), max(s.send, 0))
		for taken < int(room) {
			// No longer than every peer takes them: other streams have their turn between.
			part := b[taken:min(int(room), taken+frameBytes)]
			s.frame(frameData, 0, st.id, part)
			taken += len(part)
		}
		st.send -= int32(taken)
		s.send -= int64(taken)
	}
	if taken < len(b) && !st.waits {
		st.waits = true
		s.waiting = append(s.waiting, st)
	}
	return taken
}

// Finish says that this side sends no more on the stream.
func (s *Session) Finish(st *Stream) {
	if st.closed || st.localEnded {
		return
	}
	s.frame(frameData, flagEndStream, st.id, nil)
	s.ended(st)
}

func (s *Session) ended(st *Stream) {
	st.localEnded = true
	if st.remoteEnded {
		s.close(st)
	}
}

// Reset ends the stream at once. Its handler hears nothing.
func (s *Session) Reset(st *Stream, code Code) {
	if st.closed || st.id == 0 {
		return
	}
	s.reset(st.id, code)
	s.close(st)
}

func (s *Session) reset(id uint32, code Code) {
	s.frame(frameReset, 0, id, []byte{byte(code >> 24), byte(code >> 16), byte(code >> 8), byte(code)})
}

func (s *Session) close(st *Stream) {
	if st.closed {
		return
	}
	st.closed = true
	delete(s.streams, st.id)
	if s.o.Server {
		s.open--
	}
}

// Took says that the handler is done with bytes that came, so that the peer may
// send as many more. It is told in portions, as most do.
func (s *Session) Took(st *Stream, n int) {
	st.owed += int32(n)
	if st.closed || st.remoteEnded || int(st.owed) < s.o.StreamWindow/2 {
		return
	}
	st.recv += st.owed
	s.window(st.id, st.owed)
	st.owed = 0
}

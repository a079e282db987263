package http2

import (
	"bytes"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/wire"
)

// Options tunes a Session. A zero field means the default.
type Options struct {
	// Server: this side accepted the connection.
	Server bool
	// HeaderBytes bounds the header fields of a request or an answer, both as they
	// come and as they are meant, each field with 32 bytes besides (RFC 9113 section
	// 6.5.2). Default 64 KiB.
	HeaderBytes int
	// StreamWindow is how much the peer may send on a stream before this side has
	// taken of it. Default 65,535, as everywhere.
	StreamWindow int
	// MaxStreams is how many streams a client may have open. Default 1,000.
	MaxStreams int
	// Buffer gives memory for what is to be sent, empty. Default: new memory.
	Buffer func() []byte
}

// connectionWindow is how much the peer may send on all streams together. It is given back as
// data comes, for a stream that is not read must not stop the others. The data held of each is
// bounded by its own window.
const connectionWindow = 16 << 20

// tableBytes bounds the tables of header compression: the default (RFC 9113
// section 6.5.2).
const tableBytes = 4 << 10

// fieldOverhead is what a field counts beside its name and value.
const fieldOverhead = 32

// Owner hears what concerns the connection as a whole.
type Owner interface {
	// Ready: the peer's first SETTINGS came.
	Ready(s Settings)
	// Asked: a client opened a stream, for which a fresh one and its handler are to be
	// given. It hears the request at once, by Fields.
	Asked() (*Stream, StreamHandler)
	// GoingAway: the peer takes no streams beyond the last, and ends the connection
	// once these are over. text is what it said beside, good during the call.
	GoingAway(last uint32, code Code, text []byte)
}

// StreamHandler hears what happens on one stream.
type StreamHandler interface {
	// Fields: the server's answer came, or an interim one; or a client's request.
	// They are good during the call.
	Fields(fields []hpack.HeaderField, a wire.Arrival)
	// Data: bytes came, which are good during the call. more is as in
	// [wire.Message]: others may have come with them, after them.
	Data(b []byte, more bool, a wire.Arrival)
	// Ended: the peer sends no more.
	Ended()
	// Reset: the stream is over. breach says how the peer broke the protocol on it;
	// else it reset it itself.
	Reset(code Code, breach string)
	// Writable: there may be room again for what Write did not take.
	Writable()
}

// Session is one HTTP/2 connection.
type Session struct {
	// Out is what is to be sent to the peer. Whoever sends it sets it to nil.
	Out []byte

	o       Options
	owner   Owner
	peer    Settings
	ready   bool
	over    bool // nothing is taken any more
	held    bool // nothing is to be sent at present: see Hold
	leaving bool // our GOAWAY is sent

	streams map[uint32]*Stream
	nextID  uint32 // of the streams that this side opens
	lastID  uint32 // of those that the peer has opened
	open    int    // streams that the peer has opened, and that are not over
	send    int64  // what the peer takes on all streams together
	recv    int32  // what it may send
	waiting []*Stream
	spare   []*Stream

	encoder *hpack.Encoder
	encoded bytes.Buffer
	decoder *hpack.Decoder
	decoded []hpack.HeaderField
	fields  int // bytes of decoded, as SETTINGS_MAX_HEADER_LIST_SIZE counts

	in input
}

// New begins a connection: what it opens with is in Out.
func New(o Options, owner Owner) *Session {
	if o.HeaderBytes == 0 {
		o.HeaderBytes = 64 << 10
	}
	if o.StreamWindow == 0 {
		o.StreamWindow = defaultWindow
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = 1_000
	}
	s := &Session{
		o: o, owner: owner, peer: defaultSettings(), streams: map[uint32]*Stream{},
		nextID: 1, send: defaultWindow, recv: connectionWindow,
	}
	s.encoder = hpack.NewEncoder(&s.encoded)
	s.decoder = hpack.NewDecoder(tableBytes, s.decodedField)
	s.in.preface = o.Server
	s.greet()
	return s
}

// greet sends what a connection opens with (section 3.4).
func (s *Session) greet() {
	var b [4 * settingBytes]byte
	settings := b[:0]
	if s.o.Server {
		settings = appendSetting(settings, settingConnect, 1)
		settings = appendSetting(settings, settingMaxStreams, uint32(s.o.MaxStreams))
	} else {
		s.append([]byte(Preface))
		settings = appendSetting(settings, settingPush, 0)
	}
	settings = appendSetting(settings, settingInitialWindow, uint32(s.o.StreamWindow))
	settings = appendSetting(settings, settingHeaderList, uint32(s.o.HeaderBytes))
	s.frame(frameSettings, 0, 0, settings)
	s.window(0, connectionWindow-defaultWindow)
}

func (s *Session) append(b []byte) {
	if s.Out == nil && s.o.Buffer != nil {
		s.Out = s.o.Buffer()
	}
	s.Out = append(s.Out, b...)
}

func (s *Session) frame(kind frameType, flags uint8, streamID uint32, payload []byte) {
	var head [headerBytes]byte
	s.append(appendHeader(head[:0], len(payload), kind, flags, streamID))
	s.append(payload)
}

// window lets the peer send more.
func (s *Session) window(streamID uint32, more int32) {
	s.frame(frameWindow, 0, streamID, []byte{byte(more >> 24), byte(more >> 16), byte(more >> 8), byte(more)})
}

// Ready tells whether the peer's SETTINGS have come.
func (s *Session) Ready() bool { return s.ready }

// Peer is the settings that the peer has announced.
func (s *Session) Peer() Settings { return s.peer }

// Streams is how many streams there are.
func (s *Session) Streams() int { return len(s.streams) }

// Leave tells the peer that no more of its streams are taken, and why.
func (s *Session) Leave(code Code, detail string) {
	if s.leaving {
		return
	}
	s.leaving = true
	payload := []byte{byte(s.lastID >> 24), byte(s.lastID >> 16), byte(s.lastID >> 8), byte(s.lastID),
		byte(code >> 24), byte(code >> 16), byte(code >> 8), byte(code)}
	s.frame(frameGoAway, 0, 0, append(payload, detail...))
}

// End says that the connection is over: nothing is taken or told any more.
func (s *Session) End() { s.over = true }

// Hold sets whether Write takes nothing: what was written last waits in the
// kernel's stead.
func (s *Session) Hold(on bool) {
	s.held = on
	if !on {
		s.wake()
	}
}

// wake lets streams that wait for room try again.
func (s *Session) wake() {
	waiting := s.waiting
	s.waiting, s.spare = s.spare[:0], nil
	for i, st := range waiting {
		waiting[i] = nil
		st.waits = false
		if !st.closed && !s.over {
			st.handler.Writable()
		}
	}
	s.spare = waiting[:0]
}

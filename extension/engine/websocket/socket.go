// Package websocket is the WebSocket protocol (RFC 6455) as a wire of the
// engine's: what one connection and one loop need of it. It is handed bytes
// with their arrival and hands back bytes, on a [wire.Link]; it knows neither
// sockets nor pollers.
package websocket

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/wire"
)

type phase uint8

const (
	upgrading phase = iota // the request is sent, or awaited by a server
	open
	closing // our Close frame is sent, the peer's awaited
	ending  // both are sent, or the peer broke the protocol: its FIN is awaited
)

// Socket is where one connection stands in the protocol. It is small, as each
// message needs it; the zero Socket is a client's before the handshake.
type Socket struct {
	frames   frame.State
	rest     *rest // nil where there is none
	phase    phase
	server   bool // this side accepted the connection
	deflates bool // messages may be compressed; see rest
	mute     bool // Pings are not answered
	planned  bool
	by       wire.By
	code     uint16
}

// rest is what few connections have.
type rest struct {
	params  deflate.Params
	in, out deflate.Window // what messages may refer to
	words   *lastWords     // nil while there are none
}

// lastWords are what little a close code leaves to be said.
type lastWords struct {
	breach string // of the peer's
	text   string // of its Close frame
}

// say notes last words.
func (s *Socket) say(w lastWords) {
	own := rest{}
	if s.rest != nil {
		own = *s.rest // which others may share
	}
	own.words = &w
	s.rest = &own
}

// Options tunes the Sockets of a loop.
type Options struct {
	Limits frame.Limits
	// HeaderBytes bounds the head of a handshake.
	HeaderBytes int
	// Deflate is what a server accepts, nil for no compression.
	Deflate *deflate.Options
	// CloseWithin bounds a close: from our Close frame to the connection's end.
	CloseWithin time.Duration
}

// Shared is what the Sockets of one loop have in common.
type Shared struct {
	o                        Options
	fromServers, fromClients *frame.Parser
	random                   *rand.ChaCha8
	inflater                 *deflate.Inflater
	deflater                 deflate.Deflater
	agreements               agreements
	scratch                  []byte              // one frame or head at a time
	fields                   []hpack.HeaderField // likewise, of HTTP/2
}

// NewShared makes the Shared of a loop.
func NewShared(o Options) *Shared {
	var seed [32]byte
	crand.Read(seed[:])
	if o.Limits.Buffer == nil {
		o.Limits.Buffer = frame.NewBuffer(0)
	}
	if o.Limits.MessageBytes == 0 {
		o.Limits.MessageBytes = frame.DefaultMessageBytes
	}
	return &Shared{
		o:           o,
		inflater:    deflate.NewInflater(o.Limits.MessageBytes, o.Limits.Buffer),
		random:      rand.NewChaCha8(seed),
		fromServers: frame.NewParser(o.Limits, false),
		fromClients: frame.NewParser(o.Limits, true),
	}
}

func (sh *Shared) parserOf(s *Socket) *frame.Parser {
	if s.server {
		return sh.fromClients
	}
	return sh.fromServers
}

func (sh *Shared) mask() (m [4]byte) {
	binary.LittleEndian.PutUint32(m[:], uint32(sh.random.Uint64()))
	return m
}

// Server makes a fresh Socket that of a server.
func (s *Socket) Server() { s.server = true }

// IsServer tells whether this side accepted the connection.
func (s *Socket) IsServer() bool { return s.server }

// Open makes a fresh Socket that of a connection whose handshake is over.
func (s *Socket) Open() { s.phase = open }

// IsOpen tells whether messages can be sent.
func (s *Socket) IsOpen() bool { return s.phase == open }

// Reads tells whether what comes are messages, or the peer's Close.
func (s *Socket) Reads() bool { return s.phase == open || s.phase == closing }

// IsEnding tells whether all is said, and only the end of the bytes awaited.
func (s *Socket) IsEnding() bool { return s.phase == ending }

// AnswerPings sets whether Pings are answered.
func (s *Socket) AnswerPings(on bool) { s.mute = !on }

// End is how the connection ended, without the instant.
func (s *Socket) End() wire.End {
	e := wire.End{Code: s.code, By: s.by, Planned: s.planned}
	if s.rest != nil && s.rest.words != nil {
		e.Breach, e.Text = s.rest.words.breach, s.rest.words.text
	}
	return e
}

// Release frees what s holds of its loop.
func (s *Socket) Release(sh *Shared) {
	sh.parserOf(s).Release(&s.frames)
	if s.rest != nil && (s.rest.in.Keeps() || s.rest.out.Keeps()) {
		s.rest.in, s.rest.out = deflate.Window{}, deflate.Window{}
	}
}

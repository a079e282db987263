package conform

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// streamReply is how a case about HTTP/2 itself answers a client. The zero value
// is lawful and must be accepted.
type streamReply struct {
	// Check finds fault with the request. Default: none.
	Check func(*clientStream) (Behavior, string)
	// Edit changes the fields of a lawful answer.
	Edit []fieldEdit
	// Want is Accept or Refuse.
	Want OpenWant
	// Ends has the answer end the stream.
	Ends bool
	// Interim is the status of an answer before that one.
	Interim string
	// Cut has the answer continue in CONTINUATION frames.
	Cut bool
	// Pad is how many octets pad each frame.
	Pad uint8
	// Octets is the most that a DATA frame carries. Default: as many as go.
	Octets int
	// Noise has each DATA frame follow an empty one and a frame of an unknown type.
	Noise bool
	// Window is what the client may send before more is granted, in bytes. Default:
	// streamWindow.
	Window uint32
	// Ping has a PING come before the answer, to be answered until the case is over.
	Ping bool
	// Away has a GOAWAY come before the answer, which leaves this stream as it is.
	Away bool
}

const (
	unknownFrame = http2.FrameType(0xF0)
	pingsOfCases = "conform!"
)

func (r *streamReply) padding() int {
	if r.Pad == 0 {
		return 0
	}
	return int(r.Pad) + 1 // its length is an octet of its own
}

func (r *streamReply) most() int {
	if r.Octets == 0 {
		return maxWrite
	}
	return r.Octets
}

// greet sends the answer, and the frames of the case before it.
func (r *streamReply) greet(c *clientStream, fields []hpack.HeaderField) error {
	var errs []error
	did := func(err error) { errs = append(errs, err) }
	if r.Window > 0 {
		did(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: r.Window}))
	}
	if r.Ping {
		did(c.framer.WritePing(false, pingData(c.id)))
	}
	if r.Away {
		did(c.framer.WriteGoAway(c.id, http2.ErrCodeNo, nil))
	}
	if r.Interim != "" {
		did(c.headers([]hpack.HeaderField{{Name: ":status", Value: r.Interim}}, false))
	}
	did(c.headers(fields, r.Ends))
	return errors.Join(errs...)
}

// pingData tells one case's PING from another's.
func pingData(id uint32) (data [8]byte) {
	copy(data[:], pingsOfCases)
	binary.BigEndian.PutUint32(data[4:], id)
	return data
}

func (c *clientStream) headers(fields []hpack.HeaderField, ends bool) error {
	block := c.block.of(fields)
	p := http2.HeadersFrameParam{StreamID: c.id, BlockFragment: block, EndStream: ends, EndHeaders: !c.how.Cut, PadLength: c.how.Pad}
	if !c.how.Cut {
		return c.framer.WriteHeaders(p)
	}
	p.BlockFragment = block[:1]
	return errors.Join(
		c.framer.WriteHeaders(p),
		c.framer.WriteContinuation(c.id, false, nil),
		c.framer.WriteContinuation(c.id, true, block[1:]),
	)
}

// data sends a DATA frame.
func (r *streamReply) data(c *clientStream, b []byte) error {
	var noise error
	if r.Noise {
		noise = errors.Join(
			c.framer.WriteData(c.id, false, nil),
			c.framer.WriteRawFrame(unknownFrame, 0xFF, c.id, []byte("unknown")),
			c.framer.WriteRawFrame(unknownFrame, 0xFF, 0, nil),
		)
	}
	if r.Pad == 0 {
		return errors.Join(noise, c.framer.WriteData(c.id, false, b))
	}
	return errors.Join(noise, c.framer.WriteDataPadded(c.id, false, b, make([]byte, r.Pad)))
}

// leave undoes what the case did to the connection.
func (r *streamReply) leave(c *clientStream) error {
	if r.Window == 0 {
		return nil
	}
	return c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow})
}

// checkConnect finds fault with the pseudo-header fields of an extended CONNECT
// (RFC 8441 4).
func checkConnect(c *clientStream) *Breach {
	const rfc = "RFC 8441 4"
	scheme := "http"
	if c.secured {
		scheme = "https"
	}
	switch {
	case !isWebSocket(c.fields):
		return breach(rfc, ":method is %q and :protocol %q, expected CONNECT and websocket", fieldOf(c.fields, ":method"), fieldOf(c.fields, ":protocol"))
	case fieldOf(c.fields, ":scheme") != scheme:
		return breach(rfc, ":scheme is %q, expected %s", fieldOf(c.fields, ":scheme"), scheme)
	case !strings.HasPrefix(fieldOf(c.fields, ":path"), "/"):
		return breach(rfc, ":path is %q, expected a path", fieldOf(c.fields, ":path"))
	case fieldOf(c.fields, ":authority") == "":
		return breach(rfc, "there is no :authority")
	case c.endedAtOnce():
		return breach("RFC 8441 5", "the request ends its stream")
	}
	return nil
}

func (c *clientStream) endedAtOnce() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Is(c.end, errEndedAtOnce)
}

// ConnectionFields are the fields that HTTP/2 forbids (RFC 9113 8.2.2).
var ConnectionFields = []string{"connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding"}

// judge decides a case about HTTP/2 whose connection went as it should.
func (c *clientStream) judge(t *Trace) {
	if r := c.how; r.Check != nil {
		if verdict, why := r.Check(c); verdict != OK {
			t.opened(verdict, why)
		}
	}
	if c.how.Ping && !c.isAcked(pingData(c.id), c.silence) {
		t.opened(Failed, "the client did not answer a PING")
	}
}

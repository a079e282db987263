package http2

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/wire"
)

// bytesOf is one frame.
func bytesOf(kind frameType, flags uint8, id uint32, payload ...byte) []byte {
	return append(appendHeader(nil, len(payload), kind, flags, id), payload...)
}

func word(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func setting(id uint16, value uint32) []byte {
	return bytesOf(frameSettings, 0, 0, appendSetting(nil, id, value)...)
}

func block(fields ...hpack.HeaderField) []byte {
	b := bytes.Buffer{}
	e := hpack.NewEncoder(&b)
	for _, f := range fields {
		e.WriteField(f)
	}
	return b.Bytes()
}

var (
	greeting = setting(settingConnect, 1)
	accepted = bytesOf(frameHeaders, flagEndHeaders, 1, block(hpack.HeaderField{Name: ":status", Value: "200"})...)
)

// hostile are servers' bytes after SETTINGS, to a client with one stream whose
// window is 100 bytes. What ends the connection is said by its code, what ends the
// stream by what its handler hears.
var hostile = []struct {
	name       string
	says       []byte
	connection Code
	stream     string
}{
	{"DATA on stream 0", bytesOf(frameData, 0, 0, 1), ProtocolError, ""},
	{"DATA on a stream that was never opened", bytesOf(frameData, 0, 3, 1), ProtocolError, ""},
	{"DATA on a server's stream", bytesOf(frameData, 0, 2, 1), ProtocolError, ""},
	{"DATA before the answer", bytesOf(frameData, 0, 1, 1), 0, "PROTOCOL_ERROR DATA before the answer"},
	{"DATA beyond the stream's window", join(accepted, bytesOf(frameData, 0, 1, make([]byte, 101)...)), 0, "FLOW_CONTROL_ERROR DATA beyond the stream's window"},
	{"DATA after the end", join(accepted, bytesOf(frameData, flagEndStream, 1), bytesOf(frameData, 0, 1, 1)), 0, "STREAM_CLOSED DATA after END_STREAM"},
	{"padding longer than its frame", join(accepted, bytesOf(frameData, flagPadded, 1, 2, 0)), ProtocolError, ""},
	{"padded DATA without a length", join(accepted, bytesOf(frameData, flagPadded, 1)), FrameSizeError, ""},
	{"a frame longer than the limit", appendHeader(nil, frameBytes+1, frameData, 0, 1), FrameSizeError, ""},
	{"HEADERS on stream 0", bytesOf(frameHeaders, flagEndHeaders, 0), ProtocolError, ""},
	{"HEADERS on a stream that was never opened", bytesOf(frameHeaders, flagEndHeaders, 5), ProtocolError, ""},
	{"HEADERS whose padding is longer", bytesOf(frameHeaders, flagEndHeaders|flagPadded, 1, 9), ProtocolError, ""},
	{"HEADERS without their padding's length", bytesOf(frameHeaders, flagEndHeaders|flagPadded, 1), FrameSizeError, ""},
	{"HEADERS without their priority", bytesOf(frameHeaders, flagEndHeaders|flagPriority, 1, 0), FrameSizeError, ""},
	{"HEADERS that cannot be decoded", bytesOf(frameHeaders, flagEndHeaders, 1, 0xFF, 0xFF, 0xFF), CompressionError, ""},
	{"an index that is in no table", bytesOf(frameHeaders, flagEndHeaders, 1, 0xFE), CompressionError, ""},
	{"HEADERS twice", join(accepted, accepted), 0, "PROTOCOL_ERROR HEADERS again"},
	{"a name in upper case", answer(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "Upper", Value: "x"}), 0, "PROTOCOL_ERROR a field's name is malformed"},
	{"a pseudo-header field twice", answer(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: ":status", Value: "403"}), 0, "PROTOCOL_ERROR a pseudo-header field twice"},
	{"a pseudo-header field last", answer(hpack.HeaderField{Name: "x", Value: "200"}, hpack.HeaderField{Name: ":status", Value: "200"}), 0, "PROTOCOL_ERROR a pseudo-header field after others"},
	{"a pseudo-header field of requests", answer(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: ":path", Value: "/"}), 0, "PROTOCOL_ERROR a pseudo-header field that is not defined"},
	{"a field of HTTP/1.1", answer(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "upgrade", Value: "websocket"}), 0, "PROTOCOL_ERROR a field of HTTP/1.1's connections"},
	{"a line's end in a value", answer(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "x", Value: "a\r\nb"}), 0, "PROTOCOL_ERROR a field's value is malformed"},
	{"a field section that is interrupted", join(bytesOf(frameHeaders, 0, 1), bytesOf(framePing, 0, 0, make([]byte, 8)...)), ProtocolError, ""},
	{"CONTINUATION of another stream", join(bytesOf(frameHeaders, 0, 1), bytesOf(frameContinuation, flagEndHeaders, 3)), ProtocolError, ""},
	{"CONTINUATION of nothing", bytesOf(frameContinuation, flagEndHeaders, 1), ProtocolError, ""},
	{"CONTINUATION without end", join(bytesOf(frameHeaders, 0, 1), bytes.Repeat(bytesOf(frameContinuation, 0, 1), 20_000)), EnhanceYourCalm, ""},
	{"PRIORITY of a wrong length", bytesOf(framePriority, 0, 1, 0), FrameSizeError, ""},
	{"RST_STREAM of a wrong length", bytesOf(frameReset, 0, 1, 0), FrameSizeError, ""},
	{"RST_STREAM on stream 0", bytesOf(frameReset, 0, 0, word(8)...), ProtocolError, ""},
	{"RST_STREAM on a stream that was never opened", bytesOf(frameReset, 0, 7, word(8)...), ProtocolError, ""},
	{"RST_STREAM before the answer", bytesOf(frameReset, 0, 1, word(7)...), 0, "REFUSED_STREAM "},
	{"RST_STREAM after the answer", join(accepted, bytesOf(frameReset, 0, 1, word(8)...)), 0, "CANCEL "},
	{"RST_STREAM after the end", join(accepted, bytesOf(frameData, flagEndStream, 1), bytesOf(frameReset, 0, 1, word(0)...)), 0, "NO_ERROR "},
	{"RST_STREAM of a code that is not known", bytesOf(frameReset, 0, 1, word(99)...), 0, "error code 99 "},
	{"SETTINGS of a wrong length", bytesOf(frameSettings, 0, 0, 1), FrameSizeError, ""},
	{"SETTINGS on a stream", bytesOf(frameSettings, 0, 1), ProtocolError, ""},
	{"SETTINGS whose ACK has a payload", bytesOf(frameSettings, flagAck, 0, make([]byte, 6)...), FrameSizeError, ""},
	{"a server that pushes", setting(settingPush, 1), ProtocolError, ""},
	{"a window above the limit", setting(settingInitialWindow, 1<<31), FlowControlError, ""},
	{"frames below the limit", setting(settingFrameSize, 1), ProtocolError, ""},
	{"frames above the limit", setting(settingFrameSize, 1<<24), ProtocolError, ""},
	{"extended CONNECT taken back", setting(settingConnect, 0), ProtocolError, ""},
	{"extended CONNECT of another value", setting(settingConnect, 2), ProtocolError, ""},
	{"a window that overflows by SETTINGS", join(bytesOf(frameWindow, 0, 1, word(maxWindow-defaultWindow)...), setting(settingInitialWindow, maxWindow)), FlowControlError, ""},
	{"PUSH_PROMISE", bytesOf(framePush, flagEndHeaders, 1, word(2)...), ProtocolError, ""},
	{"PING of a wrong length", bytesOf(framePing, 0, 0, 1), FrameSizeError, ""},
	{"PING on a stream", bytesOf(framePing, 0, 1, make([]byte, 8)...), ProtocolError, ""},
	{"GOAWAY of a wrong length", bytesOf(frameGoAway, 0, 0, 1), FrameSizeError, ""},
	{"GOAWAY on a stream", bytesOf(frameGoAway, 0, 1, make([]byte, 8)...), ProtocolError, ""},
	{"WINDOW_UPDATE of a wrong length", bytesOf(frameWindow, 0, 0, 1), FrameSizeError, ""},
	{"WINDOW_UPDATE of 0", bytesOf(frameWindow, 0, 0, word(0)...), ProtocolError, ""},
	{"WINDOW_UPDATE of 0 on a stream", bytesOf(frameWindow, 0, 1, word(0)...), 0, "PROTOCOL_ERROR WINDOW_UPDATE of 0"},
	{"a connection's window that overflows", bytesOf(frameWindow, 0, 0, word(maxWindow)...), FlowControlError, ""},
	{"a stream's window that overflows", bytesOf(frameWindow, 0, 1, word(maxWindow)...), 0, "FLOW_CONTROL_ERROR WINDOW_UPDATE takes a stream's window above 2^31-1"},
	{"WINDOW_UPDATE on a stream that was never opened", bytesOf(frameWindow, 0, 9, word(1)...), ProtocolError, ""},
	{"fields beyond the limit", answer(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "x", Value: strings.Repeat("x", 9_000)}), 0, "PROTOCOL_ERROR " + TooLarge},
	{"a bomb of header compression", bomb(), 0, "PROTOCOL_ERROR " + TooLarge},
	{"frames of an unknown type", bytesOf(0xFA, 0xFF, 1, make([]byte, 1_000)...), 0, ""},
	{"an interim answer", join(bytesOf(frameHeaders, flagEndHeaders, 1, block(hpack.HeaderField{Name: ":status", Value: "103"})...), accepted), 0, ""},
	{"padded DATA", join(accepted, bytesOf(frameData, flagPadded, 1, 3, 'h', 'i', 0, 0, 0)), 0, ""},
	{"trailers", join(accepted, bytesOf(frameHeaders, flagEndHeaders|flagEndStream, 1, block(hpack.HeaderField{Name: "x", Value: "y"})...)), 0, ""},
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func answer(fields ...hpack.HeaderField) []byte {
	return bytesOf(frameHeaders, flagEndHeaders, 1, block(fields...)...)
}

// bomb is a field of 4,000 bytes in the table, asked for 12,000 times.
func bomb() []byte {
	b := block(hpack.HeaderField{Name: "x", Value: strings.Repeat("x", 4_000)})
	const firstOfTable = 0x80 | 62
	return bytesOf(frameHeaders, flagEndHeaders, 1, append(b, bytes.Repeat([]byte{firstOfTable}, 12_000)...)...)
}

const limit = 8 << 10

func victim(t testing.TB) (*side, *user) { return victimOf(t, request) }

// get is a request whose answer has a body.
var get = []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/events"}}

func victimOf(t testing.TB, request []hpack.HeaderField) (*side, *user) {
	t.Helper()
	c := newSide(Options{HeaderBytes: limit, StreamWindow: 100})
	if err := c.Received(greeting, false, wire.Arrival{}); err != nil {
		t.Fatal(err)
	}
	u := c.user()
	if err := c.Open(&u.Stream, u, request, false); err != nil {
		t.Fatal(err)
	}
	return c, u
}

func TestAHostileServerIsNamed(t *testing.T) {
	for _, row := range hostile {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{math.MaxInt, 1} {
				c, u := victim(t)
				var err *Error
				for b := row.says; len(b) > 0 && err == nil; {
					n := min(size, len(b))
					err = c.Received(b[:n], false, wire.Arrival{})
					b = b[n:]
				}
				var code Code
				if err != nil {
					code = err.Code
				}
				if got := strings.Join(u.reset, ", "); code != row.connection || got != row.stream {
					t.Errorf("in pieces of %d: the connection ended with %v, the stream with %q; want %s and %q", size, err, got, row.connection, row.stream)
				}
			}
		})
	}
}

func TestASettingsFrameMustComeFirst(t *testing.T) {
	for _, says := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", string(bytesOf(framePing, 0, 0, make([]byte, 8)...)), string(bytesOf(frameSettings, flagAck, 0))} {
		c := newSide(Options{})
		if err := c.Received([]byte(says), false, wire.Arrival{}); err == nil {
			t.Errorf("%q was taken for HTTP/2", says)
		}
	}
	s := newSide(Options{Server: true})
	if err := s.Received([]byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"), false, wire.Arrival{}); err == nil {
		t.Error("a request of HTTP/1.1 was taken for HTTP/2's preface")
	}
}

// A client that opens streams against the rules, and a server's limits.
func TestAHostileClientIsNamed(t *testing.T) {
	open := func(id uint32) []byte {
		return bytesOf(frameHeaders, flagEndHeaders, id, block(request...)...)
	}
	for _, row := range []struct {
		name string
		says []byte
		want Code
		left int
	}{
		{"a stream with an even number", open(2), ProtocolError, 0},
		{"a stream below the last", join(open(5), open(3)), NoError, 1}, // which counts as over
		{"DATA on a stream that was never opened", bytesOf(frameData, 0, 1, 1), ProtocolError, 0},
		{"more streams than are allowed", join(open(1), open(3), open(5)), NoError, 2},
		{"streams that are reset as fast as they are opened", rapid(10_000), NoError, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSide(Options{Server: true, MaxStreams: 2})
			if err := s.Received(join([]byte(Preface), bytesOf(frameSettings, 0, 0)), false, wire.Arrival{}); err != nil {
				t.Fatal(err)
			}
			err := s.Received(row.says, false, wire.Arrival{})
			code := NoError
			if err != nil {
				code = err.Code
			}
			if code != row.want || s.Streams() != row.left {
				t.Errorf("ended with %v and %d streams, want %s and %d", err, s.Streams(), row.want, row.left)
			}
		})
	}
}

func rapid(n int) (b []byte) {
	for i := range n {
		id := uint32(2*i + 1)
		b = append(b, bytesOf(frameHeaders, flagEndHeaders, id, block(request...)...)...)
		b = append(b, bytesOf(frameReset, 0, id, word(8)...)...)
	}
	return b
}

// What a peer says must not take more memory than it is long, many times over.
func TestABombTakesLittleMemory(t *testing.T) {
	b := bomb()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const bombs = 50
	for range bombs {
		c, _ := victim(t)
		c.Received(b, false, wire.Arrival{})
	}
	runtime.ReadMemStats(&after)
	const most = 100 << 10
	if each := (after.TotalAlloc - before.TotalAlloc) / bombs; each > most {
		t.Errorf("a bomb that stands for 48 MB made %d bytes be allocated, want at most %d", each, most)
	}
}

// bodies are what a server may answer to a GET with.
var bodies = []struct {
	name   string
	says   []byte
	stream string // how it is reset, "" for not
	data   string
	ended  bool
}{
	{"without a length", join(accepted, bytesOf(frameData, flagEndStream, 1, 'h', 'i')), "", "hi", true},
	{"of its length", join(sized("2"), bytesOf(frameData, 0, 1, 'h'), bytesOf(frameData, flagEndStream, 1, 'i')), "", "hi", true},
	{"of its length, with an end of its own", join(sized("2"), bytesOf(frameData, 0, 1, 'h', 'i'), bytesOf(frameData, flagEndStream, 1)), "", "hi", true},
	{"of its length beside padding", join(sized("2"), bytesOf(frameData, flagPadded|flagEndStream, 1, 3, 'h', 'i', 0, 0, 0)), "", "hi", true},
	{"of the length 0", bytesOf(frameHeaders, flagEndHeaders|flagEndStream, 1, block(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "content-length", Value: "0"})...), "", "", true},
	{"that is short", join(sized("3"), bytesOf(frameData, flagEndStream, 1, 'h', 'i')), "PROTOCOL_ERROR " + otherLength, "hi", false},
	{"that is missing", bytesOf(frameHeaders, flagEndHeaders|flagEndStream, 1, block(hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "content-length", Value: "3"})...), "PROTOCOL_ERROR " + otherLength, "", false},
	{"that is short before trailers", join(sized("3"), bytesOf(frameHeaders, flagEndHeaders|flagEndStream, 1, block(hpack.HeaderField{Name: "x", Value: "y"})...)), "PROTOCOL_ERROR " + otherLength, "", false},
	{"that is long", join(sized("0"), bytesOf(frameData, flagEndStream, 1, 'h', 'i')), "PROTOCOL_ERROR " + otherLength, "", false},
	{"of two lengths", sized("1", "2"), "PROTOCOL_ERROR a content-length that is not a length", "", false},
	{"of one length twice", join(sized("1", "1"), bytesOf(frameData, flagEndStream, 1, 'h')), "", "h", true},
	{"of a length below 0", sized("-1"), "PROTOCOL_ERROR a content-length that is not a length", "", false},
	{"with a status in its trailers", join(accepted, answer(hpack.HeaderField{Name: ":status", Value: "200"})[:4], []byte{flagEndHeaders | flagEndStream}, answer(hpack.HeaderField{Name: ":status", Value: "200"})[5:]), "PROTOCOL_ERROR a pseudo-header field in trailers", "", false},
	{"behind an interim answer that ends it", bytesOf(frameHeaders, flagEndHeaders|flagEndStream, 1, block(hpack.HeaderField{Name: ":status", Value: "103"})...), "PROTOCOL_ERROR an interim answer with END_STREAM", "", false},
}

// sized is an answer whose body is of a length, said once or more.
func sized(lengths ...string) []byte {
	fields := []hpack.HeaderField{{Name: ":status", Value: "200"}}
	for _, length := range lengths {
		fields = append(fields, hpack.HeaderField{Name: "content-length", Value: length})
	}
	return answer(fields...)
}

func TestABodyHasTheLengthThatIsSaid(t *testing.T) {
	for _, row := range bodies {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{math.MaxInt, 1} {
				c, u := victimOf(t, get)
				fed(t, c, row.says, size)
				if got := strings.Join(u.reset, ", "); got != row.stream || string(u.data) != row.data || u.ended != row.ended {
					t.Errorf("in pieces of %d: reset %q with the data %q, ended %v; want %q, %q and %v", size, got, u.data, u.ended, row.stream, row.data, row.ended)
				}
			}
		})
	}
}

// Of all that a client may hear, nothing makes it panic, answer more than it
// heard, or keep what is over.
func FuzzClient(f *testing.F) {
	for _, row := range hostile {
		if len(row.says) < 2_000 {
			f.Add(row.says, uint16(7), false)
		}
	}
	for _, row := range bodies {
		f.Add(row.says, uint16(7), true)
	}
	f.Fuzz(func(t *testing.T, says []byte, piece uint16, body bool) {
		asked := request
		if body {
			asked = get
		}
		c, u := victimOf(t, asked)
		fed(t, c, says, int(piece))
		if length, ok := bodyLength(u.fields); body && ok && length >= 0 && (int64(len(u.data)) > length || u.ended && int64(len(u.data)) < length) {
			t.Errorf("%d bytes came of a body of %d, ended %v", len(u.data), length, u.ended)
		}
		if len(u.data) > len(says) {
			t.Errorf("%d bytes came of %d", len(u.data), len(says))
		}
	})
}

// The same of a server.
func FuzzServer(f *testing.F) {
	for _, row := range hostile {
		if len(row.says) < 2_000 {
			f.Add(join(bytesOf(frameHeaders, flagEndHeaders, 1, block(request...)...), row.says), uint16(7))
		}
	}
	f.Fuzz(func(t *testing.T, says []byte, piece uint16) {
		s := newSide(Options{Server: true, HeaderBytes: limit, StreamWindow: 100, MaxStreams: 3})
		if err := s.Received(join([]byte(Preface), bytesOf(frameSettings, 0, 0)), false, wire.Arrival{}); err != nil {
			t.Fatal(err)
		}
		fed(t, s, says, int(piece))
		if s.Streams() > 3 {
			t.Errorf("%d streams are open, want at most 3", s.Streams())
		}
	})
}

func fed(t *testing.T, s *side, says []byte, piece int) {
	before := len(s.Out)
	for b := says; len(b) > 0; {
		n := min(max(piece, 1), len(b))
		if s.Received(b[:n], n < len(b), wire.Arrival{}) != nil {
			break
		}
		b = b[n:]
	}
	// Each frame has at least a header, and is answered by two frames at most.
	if said := len(s.Out) - before; said > 4*len(says)+100 {
		t.Errorf("%d bytes were answered to %d", said, len(says))
	}
	if len(s.in.block) > 3*limit || cap(s.in.part) > 2*frameBytes {
		t.Errorf("%d and %d bytes are kept", len(s.in.block), cap(s.in.part))
	}
	open := 0
	for _, u := range s.users {
		if u.ID() != 0 && !u.IsClosed() {
			open++
		}
	}
	if open != s.Streams() {
		t.Errorf("%d streams are open to their users, %d to the session", open, s.Streams())
	}
}

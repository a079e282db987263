package conform

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// looseClient takes every answer for one that accepts, and has one fault.
type looseClient struct {
	fault  string
	framer *http2.Framer
	path   string
	agreed bool  // the answer has come
	window int64 // of the stream
	in     []byte
	out    []byte
}

const looseStream = 1

// visit asks for a path, echoes texts, and returns the first.
func (c looseClient) visit(t *testing.T, address, path string) (first string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, http2.ClientPreface)
	c.framer, c.path, c.window = http2.NewFramer(conn, conn), path, defaultWindow
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.WriteSettings()
	if c.fault == "hasty" {
		c.ask(address)
	}
	for {
		f, err := c.framer.ReadFrame()
		if streamErr, is := err.(http2.StreamError); is {
			c.agreed = streamErr.StreamID == looseStream
			continue
		}
		if err != nil || c.take(f, address, &first) {
			return first
		}
		if c.out = c.send(c.out); c.fault == "ignores-window" && len(c.out) > 0 {
			c.framer.WriteData(looseStream, false, c.out)
			c.out = nil
		}
	}
}

func (c *looseClient) ask(authority string) {
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "CONNECT"}, {Name: ":protocol", Value: "websocket"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: c.path}, {Name: ":authority", Value: authority},
	}
	add := func(name, value string) { fields = append(fields, hpack.HeaderField{Name: name, Value: value}) }
	if c.fault != "no-version" {
		add("sec-websocket-version", "13")
	}
	switch c.fault {
	case "upgrades":
		add("upgrade", "websocket")
	case "key":
		add("sec-websocket-key", keyOf(16))
	}
	c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: looseStream, BlockFragment: new(fieldBlock).of(fields), EndHeaders: true})
}

// take tells whether the stream is over.
func (c *looseClient) take(f http2.Frame, authority string, first *string) (over bool) {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return false
		}
		c.framer.WriteSettingsAck()
		if v, given := f.Value(http2.SettingInitialWindowSize); given && !c.agreed {
			c.window = int64(v)
		}
		if _, is := f.Value(http2.SettingEnableConnectProtocol); is && c.fault != "hasty" {
			c.ask(authority)
		}
	case *http2.PingFrame:
		if c.fault != "no-pong" {
			c.framer.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == looseStream {
			c.window += int64(f.Increment)
		}
	case *http2.MetaHeadersFrame:
		status := fieldOf(f.Fields, ":status")
		if strings.HasPrefix(status, "1") && status != "101" && c.fault != "takes-interim" {
			return false
		}
		c.agreed = true
		return f.StreamEnded() || c.fault == "takes-interim" && status == "103" ||
			c.fault == "checks-accept" && len(fieldsOf(f.Fields, "sec-websocket-accept")) > 0
	case *http2.UnknownFrame:
		return c.fault == "fails-unknown"
	case *http2.GoAwayFrame:
		return c.fault == "leaves-at-goaway"
	case *http2.RSTStreamFrame:
		return true
	case *http2.DataFrame:
		data := f.Data()
		if c.fault == "takes-padding" {
			data = append(slices.Clone(data), make([]byte, int(f.Length)-len(data))...)
		}
		c.in = append(c.in, data...)
		if c.fault == "frame-by-frame" && len(c.in) == 1 {
			return true
		}
		return c.echo(first) || f.StreamEnded()
	}
	return false
}

// echo takes whole frames of at most 125 octets.
func (c *looseClient) echo(first *string) (over bool) {
	for len(c.in) >= 2 && len(c.in) >= 2+int(c.in[1]) {
		op, payload := Op(c.in[0]&15), c.in[2:2+int(c.in[1])]
		c.out = Frame{Fin: true, Op: op, Payload: payload}.encode(c.out, true, [4]byte{1, 2, 3, 4})
		c.in = c.in[2+len(payload):]
		if op == OpText && *first == "" {
			*first = string(payload)
		}
		if op != OpText && op != OpClose {
			return true
		}
	}
	return false
}

// send sends what the window allows, and returns the rest.
func (c *looseClient) send(b []byte) []byte {
	for len(b) > 0 && c.window > 0 {
		n := int(min(int64(len(b)), c.window))
		c.framer.WriteData(looseStream, false, b[:n])
		c.window -= int64(n)
		b = b[n:]
	}
	return b
}

// TestEachFaultOfClientsOverHTTP2IsFound: the cases that fail for each fault,
// beside the answers that such a client must refuse, and takes. 27.4.1 never fails.
func TestEachFaultOfClientsOverHTTP2IsFound(t *testing.T) {
	for _, row := range []struct{ fault, fails string }{
		{"", ""},
		{"hasty", "27.3.1"},
		{"upgrades", "27.3.2"},
		{"no-version", "27.3.3"},
		{"key", "27.3.4"},
		{"takes-interim", "27.4.2"},
		{"checks-accept", "27.4.3"},
		{"takes-padding", "27.4.5"},
		{"frame-by-frame", "27.4.6"},
		{"fails-unknown", "27.4.7"},
		{"no-pong", "27.4.8"},
		{"ignores-window", "27.4.9"},
		{"leaves-at-goaway", "27.4.10"},
	} {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			results := resultsOverHTTP2(t, row.fault)
			var found []string
			for _, r := range results {
				if !strings.HasPrefix(r.ID, "27.5") && r.Behavior != OK && r.ID != "27.4.1" {
					found = append(found, r.ID)
				}
				if strings.HasPrefix(r.ID, "27.5") && row.fault == "" && !r.Fails() && r.ID != "27.5.15" {
					t.Errorf("%s is %s: %s", r.ID, r.Behavior, r.Why)
				}
			}
			if got := strings.Join(found, " "); got != row.fails {
				t.Errorf("%q are not OK, want %q", got, row.fails)
			}
		})
	}
}

func resultsOverHTTP2(t *testing.T, fault string) []Result {
	t.Helper()
	cases, err := (&Selection{Cases: []string{"27"}, HTTP2: true}).Select(Client)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &FuzzingServer{Cases: cases, HTTP2: true, Options: Options{Silence: 2 * time.Second}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), l) }()
	c := looseClient{fault: fault}
	if got := (looseClient{}).visit(t, l.Addr().String(), "/getCaseCount"); got != fmt.Sprint(len(cases)) {
		t.Fatalf("%q cases, want %d", got, len(cases))
	}
	for i := range cases {
		c.visit(t, l.Addr().String(), fmt.Sprintf("/runCase?case=%d&agent=loose", i+1))
	}
	l.Close()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return server.Results()
}

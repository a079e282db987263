package conform

import (
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// looseServer takes every stream for a WebSocket, and has one fault.
func looseServer(t *testing.T, fault string) *Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveLoosely(conn, fault)
		}
	}()
	return &Target{Agent: fault, URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}, HTTP2: true}
}

func serveLoosely(conn net.Conn, fault string) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	framer.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: map[bool]uint32{true: 0, false: 1}[fault == "no-connect"]})
	decoder := hpack.NewDecoder(4096, nil)
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			fields, err := decoder.DecodeFull(f.HeaderBlockFragment())
			if err != nil {
				return
			}
			answerLoosely(framer, f.StreamID, fields, fault)
		case *http2.DataFrame:
			if f.StreamEnded() && fault != "ignores-end" {
				framer.WriteData(f.StreamID, true, nil)
			}
		case *http2.RSTStreamFrame:
			if fault == "reset-ends-all" {
				return
			}
		}
	}
}

func answerLoosely(framer *http2.Framer, id uint32, asked []hpack.HeaderField, fault string) {
	status := "200"
	if fault == "status-101" {
		status = "101"
	}
	if fault == "key-refused" && len(fieldsOf(asked, "sec-websocket-key")) > 0 {
		status = "400"
	}
	answer := []hpack.HeaderField{{Name: ":status", Value: status}}
	if name, is := strings.CutPrefix(fault, "answers "); is {
		answer = append(answer, hpack.HeaderField{Name: name, Value: "x"})
	}
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: new(fieldBlock).of(answer), EndHeaders: true})
}

// TestEachFaultOverHTTP2IsFound: the cases that fail for each fault, beside those
// of what every such server takes.
func TestEachFaultOverHTTP2IsFound(t *testing.T) {
	for _, row := range []struct{ fault, fails string }{
		{"", ""},
		{"no-connect", "27.1.1 27.1.2 27.1.3 27.1.4"},
		{"status-101", "27.1.1 27.1.2 27.1.3 27.1.4"},
		{"answers connection", "27.1.1 27.1.2 27.1.3 27.1.4"},
		{"answers proxy-connection", "27.1.1 27.1.2 27.1.3 27.1.4"},
		{"answers keep-alive", "27.1.1 27.1.2 27.1.3 27.1.4"},
		{"answers transfer-encoding", "27.1.1 27.1.2 27.1.3 27.1.4"},
		{"answers upgrade", "27.1.1 27.1.2 27.1.3 27.1.4"},
		{"key-refused", "27.1.2"},
		{"ignores-end", "27.1.3"},
		{"reset-ends-all", "27.1.4"},
	} {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			target := looseServer(t, row.fault)
			failed := func(group string) string {
				s := Selection{Cases: []string{group}, HTTP2: true}
				cases, err := s.Select(Server)
				if err != nil {
					t.Fatal(err)
				}
				var ids []string
				for _, r := range Run(t.Context(), target, cases, Options{Silence: 2 * time.Second}) {
					if r.Fails() {
						ids = append(ids, r.ID)
					}
				}
				return strings.Join(ids, " ")
			}
			if got := failed("27.1"); got != row.fails {
				t.Errorf("%q fail, want %q", got, row.fails)
			}
			if got := strings.Count(failed("27.2"), "27."); got != 12 {
				t.Errorf("%d of the cases to refuse fail, want all 12", got)
			}
		})
	}
}

func TestCasesOfHTTP2AreNotForHTTP1(t *testing.T) {
	if got, err := (&Selection{Cases: []string{"27"}}).Select(Server); err == nil {
		t.Errorf("%d cases of HTTP/2 over HTTP/1.1, want none", len(got))
	}
}

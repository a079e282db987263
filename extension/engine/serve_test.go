package engine

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/frame"
)

const plainRequest = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// served starts a server whose connections w hears.
func served(t *testing.T, o Options, w *witness) string {
	t.Helper()
	e := start(t, o)
	var addr netip.AddrPort
	e.Loops()[0].Await(func() {
		l, err := e.Loops()[0].Listen(netip.MustParseAddrPort("127.0.0.1:0"), false, func(*Conn) Handler { return w })
		if err != nil {
			t.Error(err)
			return
		}
		addr = l.Addr()
	})
	return addr.String()
}

// client connects, and never ends the connection by itself before the test is
// over.
func client(t *testing.T, addr, says string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, says); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// all is what comes up to the peer's FIN. A RST is an error.
func all(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("after %d bytes: %v, want the server's FIN", len(b), err)
	}
	return b
}

// It does not wait for a peer that it has no more to say to (RFC 6455 sections
// 7.1.1 and 7.1.7), and what it said last arrives whatever the peer still
// sends.
func TestAServerEndsTheConnectionItself(t *testing.T) {
	masked := func(op frame.Opcode, payload string) string {
		return string(frame.AppendMasked(nil, op, [4]byte{1, 2, 3, 4}, []byte(payload)))
	}
	rest := strings.Repeat("what is never read ", 10_000)
	tests := []struct {
		name, says, want string
		by               By
	}{
		{"a breach", "\xff\x00" + rest, "\x88\x0f\x03\xeareserved_bits", ByServer},
		{"an unmasked frame", "\x81\x01x" + rest, "\x88\x10\x03\xeaunmasked_frame", ByServer},
		{"text that is no UTF-8", masked(frame.Text, "\xc3\x28") + rest, "\x88\x0a\x03\xefbad_utf8", ByServer},
		{"a message larger than what is taken", "\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + rest, "\x88\x11\x03\xf1message_too_big", ByGenerator},
		{"a Close", masked(frame.Close, "\x03\xe8") + rest, "\x88\x02\x03\xe8", ByServer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				w := newWitness(t)
				c := client(t, served(t, o, w), plainRequest+test.says)
				got := all(t, c)
				_, frames, _ := bytes.Cut(got, []byte("\r\n\r\n"))
				if string(frames) != test.want {
					t.Errorf("the client had %q, want %q", frames, test.want)
				}
				w.next("opened")
				c.Close()
				if end := w.next("closed").end; end.By != test.by {
					t.Errorf("ended by the %v, want the %v", end.By, test.by)
				}
			})
		})
	}
}

// Behind a Close nothing that was sent before is lost, even where the client
// has ended its own half already.
func TestAServerSendsWhatWaitsBeforeItEnds(t *testing.T) {
	const size = 16 << 20 // more than what the kernel takes
	onEachTransport(t, func(t *testing.T, o Options) {
		w := newWitness(t)
		w.atOpen = func(c *Conn) { c.Send(Binary, make([]byte, size)) }
		c := client(t, served(t, o, w), plainRequest+string(frame.AppendMasked(nil, frame.Close, [4]byte{}, []byte("\x03\xe8"))))
		c.CloseWrite()
		conn := w.next("opened").conn
		for gone, deadline := false, time.Now().Add(patience); !gone; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the client's FIN was never seen")
			}
			do(conn, func() { gone = conn.gone })
		}
		got := all(t, c)
		if !bytes.HasSuffix(got, []byte("\x88\x02\x03\xe8")) || len(got) < size {
			t.Errorf("%d bytes came, want %d and then the Close", len(got), size)
		}
		w.next("closed")
	})
}

func TestAServerSaysWhatItRefuses(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		w := newWitness(t)
		c := client(t, served(t, o, w), "POST / HTTP/1.1\r\n\r\n"+strings.Repeat("a body ", 10_000))
		if got := all(t, c); !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
			t.Errorf("the client had %q", got)
		}
		c.Close()
		if f := w.next("failed").failure; f.Reason != ReasonBadUpgrade {
			t.Errorf("failed as %v, want %v", f, ReasonBadUpgrade)
		}
	})
}

func TestAServerWaitsForNobodysEnd(t *testing.T) {
	tests := []struct{ name, says, last string }{
		{"who broke the protocol", plainRequest + "\xff\x00", "closed"},
		{"who was refused", "POST / HTTP/1.1\r\n\r\n", "failed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				w := newWitness(t)
				client(t, served(t, impatientToClose(o), w), test.says)
				if test.last == "closed" {
					w.next("opened")
				}
				w.next(test.last)
			})
		})
	}
}

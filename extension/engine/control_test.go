package engine

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/handshake"
)

// A paused reader leaves everything in the kernel: the peer's writes block.
func TestPauseFillsThePeersWindow(t *testing.T) {
	onEachTransport(t, testPause)
}

func testPause(t *testing.T, o Options) {
	blocked := make(chan int64, 1)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		message := frame.Append(nil, frame.Binary, make([]byte, 60_000))
		var sent int64
		for {
			c.SetWriteDeadline(time.Now().Add(time.Second))
			n, err := c.Write(message)
			sent += int64(n)
			if err != nil {
				break
			}
		}
		blocked <- sent
		untilGone(c)
	}))
	o.ReceiveBuffer = 64 << 10
	e, w := start(t, o), newWitness(t)
	w.deaf = true
	w.atOpen = (*Conn).Pause
	dial(t, e, url, w)
	c := w.next("opened").conn
	select {
	case sent := <-blocked:
		if sent == 0 {
			t.Error("the peer could send nothing at all")
		}
	case <-time.After(patience):
		t.Fatal("the peer never blocked: someone reads")
	}
	var before, unread int
	do(c, func() { before, unread = w.messages, c.Unread() })
	if o.Transport == Epoll && unread < 16<<10 {
		t.Errorf("%d bytes wait in the kernel, want a full receive buffer", unread)
	}
	do(c, c.Resume)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var after int
		do(c, func() { after = w.messages })
		if after > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no message came after Resume")
		}
	}
}

// Pings, Pongs and Close frames are no messages, and their bytes are not a
// message's. Part of a message is.
func TestTheWireBytesAreThoseOfMessages(t *testing.T) {
	first, last := "\x01\x03abc", "\x80\x02de"
	all := "\x89\x04ping" + first + "\x8a\x00" + last + "\x88\x02\x03\xe8"
	url := rawPeer(t, upgraded(func(c *net.TCPConn) { c.Write([]byte(all)) }))
	onEachTransport(t, func(t *testing.T, o Options) {
		var traffic Traffic
		e, w := start(t, o), newWitness(t)
		w.deaf = true
		endpoint, _, err := ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		l := e.Loops()[0]
		l.Await(func() { l.Dial(&Dial{Endpoint: endpoint, Traffic: &traffic}, w) })
		w.next("opened")
		w.next("closed")
		var messages, wire int64
		l.Await(func() { messages, wire = traffic.MessageBytes, traffic.WireBytes })
		if messages != int64(len("abcde")) || wire != int64(len(first+last)) {
			t.Errorf("%d bytes of messages took %d on the wire, want 5 and %d", messages, wire, len(first+last))
		}
	})
}

func TestReadRateIsKept(t *testing.T) {
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		endlessly(c, []byte("\x82\x0812345678"), bytes.Repeat([]byte("\x82\x0812345678"), 100))
	}))
	onEachTransport(t, func(t *testing.T, o Options) {
		const rate, took = 50_000, 300 * time.Millisecond
		var traffic Traffic
		e, w := start(t, o), newWitness(t)
		w.deaf = true
		w.atOpen = func(c *Conn) { c.SetReadRate(rate) }
		endpoint, _, err := ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		l := e.Loops()[0]
		l.Await(func() { l.Dial(&Dial{Endpoint: endpoint, Traffic: &traffic}, w) })
		w.next("opened")
		var began clock.Time
		var first int64
		l.Await(func() { began, first = clock.Now(), traffic.Received })
		time.Sleep(took)
		var elapsed time.Duration
		var read int64
		l.Await(func() { elapsed, read = clock.Now().Sub(began), traffic.Received-first })
		most := int64(elapsed.Seconds()*rate) + 2*rate/turns
		if read == 0 || read > most {
			t.Errorf("%d bytes were read in %v, want some and at most %d", read, elapsed, most)
		}
	})
}

func TestRawFrames(t *testing.T) {
	got := make(chan []byte, 2)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		b := make([]byte, 3)
		n, _ := c.Read(b)
		got <- b[:n]
		untilGone(c)
	}))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		do(c, func() { c.SendRaw([]byte("\xff\x00\x01")) })
		if b := <-got; string(b) != "\xff\x00\x01" {
			t.Errorf("the peer got %q", b)
		}
	})
}

func TestAPeerThatDoesNotReadIsHeldInLittleMemory(t *testing.T) {
	url := rawPeer(t, upgraded(func(c *net.TCPConn) { time.Sleep(patience / 4) }))
	onEachTransport(t, func(t *testing.T, o Options) {
		o.UnsentBytes = 100_000
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		do(c, func() {
			message := make([]byte, 50_000)
			for i := 0; ; i++ {
				if _, err := c.Send(Binary, message); err == ErrUnsent {
					break
				} else if err != nil || i > 10_000 {
					t.Errorf("message %d: %v, want ErrUnsent at some time", i, err)
					break
				}
			}
			// Up to the limit a message of any size is taken.
			if n := c.Unsent(); n < o.UnsentBytes || n > o.UnsentBytes+50_000+14 {
				t.Errorf("%d bytes are held, with a limit of %d", n, o.UnsentBytes)
			}
			c.Reset()
		})
		w.next("closed")
	})
}

func TestPeersThatDoNotReadAreHeldInLittleMemoryTogether(t *testing.T) {
	const peers, message = 5, 50_000
	over := make(chan struct{})
	url := rawPeer(t, upgraded(func(c *net.TCPConn) { <-over }))
	defer close(over)
	onEachTransport(t, func(t *testing.T, o Options) {
		o.Loops, o.AllUnsentBytes = 1, 200_000
		e, w := start(t, o), newWitness(t)
		var conns []*Conn
		for range peers {
			dial(t, e, url, w)
			conns = append(conns, w.next("opened").conn)
		}
		l := conns[0].loop
		l.Await(func() {
			all := 0
			for i, c := range conns {
				for n := 0; ; n++ {
					if _, err := c.Send(Binary, make([]byte, message)); err == ErrUnsent {
						break
					} else if err != nil || n > 10_000 {
						t.Errorf("peer %d: %v, want ErrUnsent at some time", i, err)
						break
					}
				}
				all += c.Unsent()
			}
			// One message may wait for each that had nothing waiting before.
			if most := o.AllUnsentBytes + peers*(message+14); all < o.AllUnsentBytes/2 || all > most {
				t.Errorf("%d bytes are held, want about %d and at most %d", all, o.AllUnsentBytes, most)
			}
			if l.unsent != all {
				t.Errorf("%d bytes are accounted for, %d are held", l.unsent, all)
			}
			for _, c := range conns {
				c.Reset()
			}
			if l.unsent != 0 {
				t.Errorf("%d bytes are accounted for when nothing is held", l.unsent)
			}
		})
		for range conns {
			w.next("closed")
		}
	})
}

// What waits for a peer that does not read bounds messages, not the Close: once
// the peer reads, it gets all of it, the Close last.
func TestACloseHasRoomBehindWhatWaits(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		closing := make(chan struct{})
		url := rawPeer(t, upgraded(func(c *net.TCPConn) {
			<-closing
			ps, s, b := frame.NewParser(frame.Limits{}, true), frame.State{}, make([]byte, 64<<10)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				for rest := b[:n]; ; {
					m, taken, err := ps.Next(&s, rest)
					if err != nil {
						t.Errorf("the peer got what is no frame: %v", err)
						return
					}
					if m.Op == 0 {
						break
					}
					if m.Op == frame.Close {
						c.Write(frame.Append(nil, frame.Close, m.Data))
						return
					}
					rest = rest[taken:]
				}
			}
		}))
		o.UnsentBytes = 100_000
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		do(c, func() {
			for message, err := make([]byte, 40_000), error(nil); err != ErrUnsent; {
				if _, err = c.Send(Binary, message); err != nil && err != ErrUnsent {
					t.Errorf("%v, want ErrUnsent at some time", err)
					break
				}
			}
			for {
				if _, err := c.Send(Text, nil); err == ErrUnsent {
					break // not a byte more
				}
			}
			c.CloseWith(4000, "")
		})
		close(closing)
		if end := w.next("closed").end; end.Code != 4000 || end.By != ByClient || !end.Planned {
			t.Errorf("closed with %+v, want the echo of our 4000", end)
		}
	})
}

func TestTLS(t *testing.T) {
	server := securePeer(t, nil)
	url := secureURL(server)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	onEachTransport(t, func(t *testing.T, o Options) {
		o.TLS = &tls.Config{RootCAs: roots}
		e, w := start(t, o), newWitness(t)
		c := dial(t, e, url, w)
		opened := w.next("opened").opening
		if opened.Secured <= opened.Connected || opened.Opened <= opened.Secured {
			t.Errorf("the phases are out of order: %+v", opened)
		}
		for _, size := range []int{0, 1, 300, 16 << 10, 1 << 20} {
			payload := bytes.Repeat([]byte("x"), size)
			var written clock.Time
			do(c, func() { written, _ = c.Send(Binary, payload) })
			m := w.next("message").message
			if !bytes.Equal(m.Data, payload) || m.At <= written || m.Read < m.At {
				t.Fatalf("%d bytes came back as %d, written at %d, arrived at %d, read at %d",
					size, len(m.Data), written, m.At, m.Read)
			}
		}
		do(c, func() { c.CloseWith(4000, "") })
		if end := w.next("closed").end; end.Code != 4000 || !end.Planned {
			t.Errorf("closed with %+v", end)
		}
	})
	t.Run("a certificate that nobody vouches for", func(t *testing.T) {
		onEachTransport(t, func(t *testing.T, o Options) {
			e, w := start(t, o), newWitness(t)
			dial(t, e, url, w)
			if f := w.next("failed").failure; f.Reason != ReasonTLS {
				t.Errorf("failed as %v, want tls", f)
			}
		})
	})
	t.Run("a server that wants a certificate of ours", func(t *testing.T) {
		for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
			strict := securePeer(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: version})
			onEachTransport(t, func(t *testing.T, o Options) {
				o.TLS = &tls.Config{InsecureSkipVerify: true}
				e, w := start(t, o), newWitness(t)
				dial(t, e, secureURL(strict), w)
				if f := w.next("failed").failure; f.Reason != ReasonTLS {
					t.Errorf("%s: failed as %v, want tls", name, f)
				}
			})
		}
	})
}

func TestRequestIsFilledForEachConnection(t *testing.T) {
	seen := make(chan http.Header, 1)
	upgrader := websocket.Upgrader{Subprotocols: []string{"v2"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Path", r.URL.String())
		seen <- r.Header
		if ws, err := upgrader.Upgrade(w, r, nil); err == nil {
			ws.Close()
		}
	}))
	defer server.Close()
	endpoint, _, err := ParseURL("ws" + strings.TrimPrefix(server.URL, "http"))
	if err != nil {
		t.Fatal(err)
	}
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		l := e.Loops()[0]
		l.Await(func() {
			l.Dial(&Dial{Endpoint: endpoint, Source: netip.MustParseAddr("127.0.0.1"), Request: func(_ *Conn, r *handshake.Request) {
				r.Path = "/chat?room=a%20b"
				r.Protocols = []string{"v1", "v2"}
				r.Fields = append(r.Fields, handshake.Field{Name: "Authorization", Value: "Bearer abc"})
			}}, w)
		})
		h := <-seen
		if h.Get("Path") != "/chat?room=a%20b" || h.Get("Authorization") != "Bearer abc" || h.Get("Sec-Websocket-Protocol") != "v1, v2" {
			t.Errorf("the server saw %v", h)
		}
		if got := w.next("opened").opening.Protocol; got != "v2" {
			t.Errorf("the subprotocol is %q, want v2", got)
		}
		w.next("closed")

		l.Await(func() {
			l.Dial(&Dial{Endpoint: endpoint, Request: func(_ *Conn, r *handshake.Request) {
				r.Fields = append(r.Fields, handshake.Field{Name: "X", Value: "secret\r\nY: z"})
			}}, w)
		})
		f := w.next("failed").failure
		if f.Reason != ReasonOther || strings.Contains(f.Error(), "secret") {
			t.Errorf("a header that smuggles another failed as %v", f)
		}
	})
}

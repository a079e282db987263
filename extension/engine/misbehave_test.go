package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/handshake"
)

// rawPeer starts a TCP server that does to each connection what serve does.
func rawPeer(t *testing.T, serve func(c *net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	return "ws://" + l.Addr().String()
}

// untilGone keeps a connection until the other side ends it, and reads what it
// says.
func untilGone(c *net.TCPConn) { io.Copy(io.Discard, c) }

// upgraded answers the handshake rightly and sends what follows.
func upgraded(then func(c *net.TCPConn)) func(c *net.TCPConn) {
	return func(c *net.TCPConn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		key := handshake.Key([]byte(r.Header.Get("Sec-WebSocket-Key")))
		c.Write(handshake.AppendResponse(nil, key))
		then(c)
	}
}

// sends answers whatever is asked with b.
func sends(b string) func(c *net.TCPConn) {
	return func(c *net.TCPConn) {
		c.Write([]byte(b))
		untilGone(c)
	}
}

func upgradedThenSends(b []byte) func(c *net.TCPConn) {
	return upgraded(func(c *net.TCPConn) {
		c.Write(b)
		untilGone(c)
	})
}

func endlessly(c net.Conn, first, again []byte) {
	for b := first; ; b = again {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// short bounds a phase that never ends by itself. Phases that do end keep the
// default: a busy machine may take its time.
const short = 150 * time.Millisecond

func impatient(o Options) Options {
	o.Timeouts = Timeouts{Resolve: short, TCP: short, TLS: short, Upgrade: short, Close: short}
	return o
}

func impatientToClose(o Options) Options {
	o.Timeouts.Close = short
	return o
}

func TestFailuresAreNamed(t *testing.T) {
	nobody := func() string { // a port where nothing listens
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "ws://" + l.Addr().String()
	}
	tests := []struct {
		name string
		url  func() string
		want string
	}{
		{"nothing listens", nobody, "refused"},
		{"never answers", raw(t, untilGone), "timeout_upgrade"},
		{"never answers a TLS hello", secured(raw(t, untilGone)), "timeout_tls"},
		{"answers a TLS hello with garbage", secured(raw(t, sends("garbage"))), "tls"},
		{"closes a TLS connection", secured(raw(t, func(c *net.TCPConn) {
			c.Read(make([]byte, 4<<10)) // the whole hello: what is left unread would make it a reset
		})), "closed"},
		{"answers with garbage", raw(t, sends("\x00\xff\x17garbage\r\n\r\n")), "bad_upgrade"},
		{"answers with half a handshake and waits", raw(t, sends("HTTP/1.1 101 Switching Protocols\r\nUpgra")), "timeout_upgrade"},
		{"answers with half a handshake and goes", raw(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgra"))
		}), "closed"},
		{"answers with a header of 10 MB", raw(t, sends("HTTP/1.1 101 Switching Protocols\r\nX: "+strings.Repeat("x", 10<<20))), "header_too_large"},
		{"answers for another key", raw(t, sends("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")), "bad_accept"},
		{"wants a token", raw(t, sends("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")), "http_401"},
		{"is a plain page", raw(t, sends("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")), "http_200"},
		{"is overloaded", raw(t, sends("HTTP/1.1 503 Service Unavailable\r\n\r\n")), "http_503"},
		{"resets", raw(t, func(c *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(c))
			c.SetLinger(0)
		}), "reset"},
		{"has no address", func() string { return "ws://no-such-host.invalid" }, "dns"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := test.url()
			onEachTransport(t, func(t *testing.T, o Options) {
				if strings.HasPrefix(test.want, "timeout") {
					o = impatient(o)
				}
				e, w := start(t, o), newWitness(t)
				dial(t, e, url, w)
				if f := w.next("failed").failure; f.Reason.String() != test.want {
					t.Errorf("failed as %v, want %s", f, test.want)
				}
				e.Loops()[0].Await(func() {
					if n := e.Loops()[0].Connections(); n != 0 {
						t.Errorf("%d connections are left", n)
					}
				})
			})
		})
	}
}

func raw(t *testing.T, serve func(c *net.TCPConn)) func() string {
	return func() string { return rawPeer(t, serve) }
}

func secured(url func() string) func() string {
	return func() string { return "wss" + strings.TrimPrefix(url(), "ws") }
}

func TestAPortThatSwallowsConnectionsTimesOut(t *testing.T) {
	// The backlog of a listener that never accepts fills up; what comes then
	// gets no answer at all.
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := shrinkBacklog(l); err != nil {
		t.Skip(err)
	}
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, impatient(o)), newWitness(t)
		for range 8 {
			dial(t, e, "ws://"+l.Addr().String(), w)
		}
		reasons := map[string]int{}
		for range 8 {
			reasons[w.next("failed").failure.Reason.String()]++
		}
		if reasons["timeout_tcp"] == 0 || reasons["timeout_tcp"]+reasons["timeout_upgrade"] != 8 {
			t.Errorf("failed as %v, want timeout_tcp for those beyond the backlog", reasons)
		}
	})
}

func TestANameThatNobodyResolvesTimesOut(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		o = impatient(o)
		o.Resolve = func(ctx context.Context, _ string, _ uint16) (netip.AddrPort, error) {
			<-ctx.Done()
			return netip.AddrPort{}, ctx.Err()
		}
		e, w := start(t, o), newWitness(t)
		dial(t, e, "ws://slow.example", w)
		if f := w.next("failed").failure; f.Reason != ReasonTimeoutResolve {
			t.Errorf("failed as %v, want timeout_resolve", f)
		}
	})
}

// Each look-up asks for its own connection's name, also when that connection
// was given up before the look-up began, and its memory serves the next.
func TestALookUpAsksForItsOwnName(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		const names = 100
		asked := make(chan string, names)
		o.Resolve = func(ctx context.Context, host string, _ uint16) (netip.AddrPort, error) {
			asked <- host
			<-ctx.Done()
			return netip.AddrPort{}, ctx.Err()
		}
		e, w := start(t, o), newWitness(t)
		l := e.Loops()[0]
		l.Await(func() {
			for i := range names {
				l.Dial(&Dial{Endpoint: Endpoint{Host: fmt.Sprintf("host%d.example", i), Port: 80}}, w).Close(1000, "")
			}
		})
		seen := map[string]bool{}
		for range names {
			w.next("failed")
			select {
			case host := <-asked:
				seen[host] = true
			case <-time.After(patience):
				t.Fatal("a look-up never began")
			}
		}
		if seen[""] || len(seen) != names {
			t.Errorf("%d different names were looked up, want %d", len(seen), names)
		}
	})
}

func TestANameMayBeBlocked(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		o.Resolve = func(context.Context, string, uint16) (netip.AddrPort, error) {
			return netip.AddrPort{}, fmt.Errorf("secret.example: %w", ErrBlocked)
		}
		e, w := start(t, o), newWitness(t)
		dial(t, e, "ws://secret.example", w)
		if f := w.next("failed").failure; f.Reason != ReasonBlocked {
			t.Errorf("failed as %v, want blocked", f)
		}
	})
}

func TestBlockedAddressesAreNotDialled(t *testing.T) {
	url := rawPeer(t, func(*net.TCPConn) { t.Error("was dialled") })
	onEachTransport(t, func(t *testing.T, o Options) {
		o.Blocked = func(_ string, addr netip.Addr) bool { return addr.IsLoopback() }
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		if f := w.next("failed").failure; f.Reason != ReasonBlocked {
			t.Errorf("failed as %v, want blocked", f)
		}
	})
}

func TestBreachesEndTheConnection(t *testing.T) {
	declared := func(length uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0x82, 127}, length) }
	tests := []struct {
		name  string
		serve func(c *net.TCPConn)
		want  *frame.Error
	}{
		{"a masked frame", upgradedThenSends(frame.AppendMasked(nil, frame.Text, [4]byte{1, 2, 3, 4}, []byte("x"))), frame.ErrMasked},
		{"a declared length of 2^62", upgradedThenSends(declared(1 << 62)), frame.ErrMessageTooBig},
		{"a declared length of 2^63", upgradedThenSends(declared(1 << 63)), frame.ErrLength},
		{"an endless fragment", upgraded(func(c *net.TCPConn) {
			endlessly(c, append([]byte{0x02, 126, 0x10, 0}, make([]byte, 0x1000)...),
				append([]byte{0x00, 126, 0x10, 0}, make([]byte, 0x1000)...))
		}), frame.ErrMessageTooBig},
		{"invalid UTF-8", upgradedThenSends([]byte("\x81\x02\xc3\x28")), frame.ErrUTF8},
		{"invalid UTF-8 early in a long message", upgradedThenSends([]byte("\x81\x7e\xff\xff\xc3\x28")), frame.ErrUTF8},
		{"garbage", upgradedThenSends(bytes.Repeat([]byte("garbage"), 1000)), frame.ErrReservedBits},
		{"a reserved close code", upgradedThenSends([]byte("\x88\x02\x03\xed")), frame.ErrCloseCode},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := rawPeer(t, test.serve)
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, impatientToClose(o)), newWitness(t)
				dial(t, e, url, w)
				w.next("opened")
				end := w.next("closed").end
				if end.Breach != test.want || end.By != ByServer || end.Code != test.want.CloseCode || end.Planned {
					t.Errorf("closed with %+v (%v), want %v by the server, a drop", end, end.Breach, test.want)
				}
			})
		})
	}
}

func TestHostilePeersAreHeldInLittleMemory(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		const peers, limit = 64, 4 << 20
		// Each sends most of a message of 1 MiB and never the rest.
		half := append(binary.BigEndian.AppendUint64([]byte{0x82, 127}, 1<<20), make([]byte, 1<<20-1)...)
		url := rawPeer(t, upgradedThenSends(half))
		o = impatientToClose(o)
		o.BufferedBytes = limit
		e, w := start(t, o), newWitness(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range peers {
			dial(t, e, url, w)
		}
		refused := 0
		for seen := 0; refused < peers-limit>>20-1; seen++ {
			select {
			case h := <-w.heard:
				if h.what == "closed" && h.end.Breach == frame.ErrBufferLimit {
					refused++
				}
			case <-time.After(patience):
				t.Fatalf("%d of %d were refused", refused, peers)
			}
		}
		e.Loops()[0].Await(func() {
			if held := e.Loops()[0].fromServers.Buffered(); held > limit*3/2 {
				t.Errorf("%d bytes are held, with a limit of %d", held, limit)
			}
		})
		runtime.GC()
		runtime.ReadMemStats(&after)
		if after.HeapAlloc > before.HeapAlloc && after.HeapAlloc-before.HeapAlloc > 4*limit {
			t.Errorf("the heap grew by %d bytes", after.HeapAlloc-before.HeapAlloc)
		}
	})
}

func TestEveryCloseEnds(t *testing.T) {
	tests := []struct {
		name  string
		serve func(c *net.TCPConn)
		act   func(c *Conn)
		want  End
	}{
		{"a peer that never answers our Close", upgraded(untilGone),
			func(c *Conn) { c.Close(1000, "") }, End{Code: 1006, By: ByTimeout, Planned: true}},
		{"a peer that sends for ever and never reads", upgraded(func(c *net.TCPConn) {
			endlessly(c, []byte("\x81\x01x"), []byte("\x81\x01x"))
		}), func(c *Conn) { c.Close(1000, "") }, End{Code: 1006, By: ByTimeout, Planned: true}},
		{"a peer that answers our Close and leaves the TCP connection open", upgraded(func(c *net.TCPConn) {
			c.Read(make([]byte, 100)) // our Close
			c.Write([]byte("\x88\x02\x03\xe8"))
			untilGone(c)
		}), func(c *Conn) { c.Close(1000, "") }, End{Code: 1000, By: ByClient, Planned: true}},
		{"a peer that closes and leaves the TCP connection open", upgradedThenSends([]byte("\x88\x02\x03\xe8")),
			nil, End{Code: 1000, By: ByServer}},
		{"a peer that closes with a code of its own", upgraded(func(c *net.TCPConn) {
			c.Write([]byte("\x88\x02\x0f\xa1"))
		}), nil, End{Code: 4001, By: ByServer}},
		{"a peer that closes without a code", upgraded(func(c *net.TCPConn) {
			c.Write([]byte("\x88\x00"))
		}), nil, End{Code: 1005, By: ByServer}},
		{"a peer that goes without a Close", upgraded(func(c *net.TCPConn) {}),
			nil, End{Code: 1006, By: ByNetwork}},
		{"a peer that resets", upgraded(func(c *net.TCPConn) { c.SetLinger(0) }),
			nil, End{Code: 1006, By: ByNetwork}},
		{"our own reset", upgraded(untilGone),
			(*Conn).Reset, End{Code: 1006, By: ByClient, Planned: true}},
		{"silence that the handler does not accept", upgraded(untilGone),
			(*Conn).Drop, End{Code: 1006, By: ByTimeout}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := rawPeer(t, test.serve)
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, impatientToClose(o)), newWitness(t)
				w.deaf = true
				dial(t, e, url, w)
				c := w.next("opened").conn
				if test.act != nil {
					do(c, func() { test.act(c) })
				}
				end := w.next("closed").end
				end.At = 0
				if end != test.want {
					t.Errorf("closed with %+v, want %+v", end, test.want)
				}
			})
		})
	}
}

// A peer gains no time by answering our Close late: the bound is on the whole.
func TestAnAnswerDoesNotMoveTheBoundOnAClose(t *testing.T) {
	tests := []struct {
		name   string
		answer string
	}{
		{"a Close, and the TCP connection is left open", "\x88\x02\x03\xe8"},
		{"a breach of the protocol", "\xff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := rawPeer(t, upgraded(func(c *net.TCPConn) {
				c.Read(make([]byte, 100)) // our Close
				c.Write([]byte(test.answer + "\x00"))
				untilGone(c)
			}))
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, o), newWitness(t)
				dial(t, e, url, w)
				c := w.next("opened").conn
				bound := func() clock.Time { return c.loop.timers[c.deadlineAt-1].at }
				var first, second clock.Time
				do(c, func() {
					c.Close(1000, "")
					first = bound()
				})
				for answered, deadline := false, time.Now().Add(patience); !answered; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("the answer never came")
					}
					do(c, func() {
						if answered = c.state == ending; answered {
							second = bound()
						}
					})
				}
				if second != first {
					t.Errorf("the bound moved by %v", second.Sub(first))
				}
				do(c, c.Drop)
				w.next("closed")
			})
		})
	}
}

// A paused reader learns of a reset only by writing.
func TestAResetThatAWriteRunsInto(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		paused := make(chan struct{})
		url := rawPeer(t, upgraded(func(c *net.TCPConn) {
			<-paused
			c.SetLinger(0)
		}))
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		w := newWitness(t)
		w.atOpen = (*Conn).Pause
		dial(t, e, url, w)
		c := w.next("opened").conn
		close(paused)
		var end End
		for deadline := time.Now().Add(patience); end.At == 0; {
			if time.Now().After(deadline) {
				t.Fatal("the reset was never noticed")
			}
			do(c, func() { c.Send(frame.Text, []byte("x")) })
			select {
			case h := <-w.heard:
				end = h.end
			case <-time.After(time.Millisecond):
			}
		}
		if end.By != ByNetwork || end.Code != frame.CodeAbnormal || end.Planned {
			t.Errorf("closed with %+v, want a drop by the network", end)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.Close()
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the engine never ended")
		}
	})
}

func TestAReasonTooLongIsCutBetweenCharacters(t *testing.T) {
	got := make(chan []byte, 1)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		b := make([]byte, 256)
		n, _ := c.Read(b)
		got <- b[:n]
	}))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		do(c, func() { c.Close(4000, strings.Repeat("é", 100)) })
		select {
		case b := <-got:
			ps, s := frame.NewParser(frame.Limits{}, true), frame.State{}
			m, _, err := ps.Next(&s, b)
			if err != nil || m.Op != frame.Close {
				t.Fatalf("got opcode %d, %v; want a Close", m.Op, err)
			}
			code, reason, err := frame.ParseClose(m.Data)
			if want := strings.Repeat("é", 61); err != nil || code != 4000 || string(reason) != want {
				t.Errorf("closed with %d %q, %v; want 4000 %q", code, reason, err, want)
			}
		case <-time.After(patience):
			t.Fatal("no Close came")
		}
	})
}

func TestASourceThatIsNotOursIsNoLackOfPorts(t *testing.T) {
	url := rawPeer(t, untilGone)
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		endpoint, _, err := ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		e.Loops()[0].Await(func() {
			// TEST-NET-1 (RFC 5737) is nobody's.
			e.Loops()[0].Dial(&Dial{Endpoint: endpoint, Source: netip.MustParseAddr("192.0.2.1")}, w)
		})
		f := w.next("failed").failure
		if f.Reason != ReasonOther || f.Err == nil || !strings.Contains(f.Err.Error(), "source address 192.0.2.1: want an address of this machine") {
			t.Errorf("failed as %v, want that the source is no address of this machine", f)
		}
	})
}

func TestReplyToPing(t *testing.T) {
	pong := make(chan []byte, 2)
	url := rawPeer(t, upgraded(func(c *net.TCPConn) {
		c.Write([]byte("\x89\x05Hello"))
		answer := make([]byte, 2+4+5)
		if _, err := io.ReadFull(c, answer); err == nil {
			pong <- answer
		}
	}))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		w.next("opened")
		select {
		case answer := <-pong:
			ps, s := frame.NewParser(frame.Limits{}, true), frame.State{}
			if m, _, err := ps.Next(&s, answer); err != nil || m.Op != frame.Pong || string(m.Data) != "Hello" {
				t.Errorf("got opcode %d, %q, %v; want a masked Pong with the Ping's payload", m.Op, m.Data, err)
			}
		case <-time.After(patience):
			t.Error("no Pong came")
		}
	})
}

func TestAClosedEngineTellsItsHandlers(t *testing.T) {
	url := rawPeer(t, upgraded(untilGone))
	silent := rawPeer(t, untilGone)
	onEachTransport(t, func(t *testing.T, o Options) {
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		w, never := newWitness(t), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		dial(t, e, silent, never)
		e.Close()
		if end := w.next("closed").end; !end.Planned {
			t.Errorf("an end by the engine's own counts as a drop: %+v", end)
		}
		if f := never.next("failed").failure; f.Reason != ReasonAborted {
			t.Errorf("failed as %v, want aborted", f)
		}
		if c.Loop().Do(func() {}) {
			t.Error("a closed loop takes calls")
		}
	})
}

func TestAlarm(t *testing.T) {
	url := rawPeer(t, upgraded(untilGone))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		var due clock.Time
		do(c, func() {
			c.SetAlarm(clock.Now().Add(time.Hour))
			due = clock.Now().Add(time.Millisecond)
			c.SetAlarm(due)
		})
		w.next("alarm")
		if now := clock.Now(); now < due {
			t.Errorf("rang %v early", due.Sub(now))
		}
	})
}

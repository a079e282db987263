package engine

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/frame"
)

// framePeer is a server of HTTP/2 by another's frames.
type framePeer struct {
	*http2.Framer
	c *net.TCPConn
}

// greeted reads the client's preface and sends SETTINGS.
func (p *framePeer) greeted(settings ...http2.Setting) {
	preface := make([]byte, len(http2.ClientPreface))
	io.ReadFull(p.c, preface)
	p.WriteSettings(append(settings, http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})...)
}

// until reads up to a frame of a type.
func (p *framePeer) until(kind http2.FrameType) http2.Frame {
	for {
		f, err := p.ReadFrame()
		if err != nil {
			return nil
		}
		if f.Header().Type == kind {
			return f
		}
	}
}

func (p *framePeer) answers(id uint32, status string, ended bool) {
	var b bytes.Buffer
	hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: status})
	p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b.Bytes(), EndHeaders: true, EndStream: ended})
}

// asked reads up to the first request.
func (p *framePeer) asked() {
	p.greeted()
	p.until(http2.FrameHeaders)
}

// opened answers the first request.
func (p *framePeer) opened() {
	p.asked()
	p.answers(1, "200", false)
}

// each takes all further frames, with their streams.
func (p *framePeer) each(take func(id uint32, f http2.Frame)) {
	for {
		f, err := p.ReadFrame()
		if err != nil {
			return
		}
		take(f.Header().StreamID, f)
	}
}

// http2Peer starts a server that does to each connection what serve does.
func http2Peer(t *testing.T, serve func(p *framePeer)) string {
	t.Helper()
	return rawPeer(t, func(c *net.TCPConn) {
		serve(&framePeer{http2.NewFramer(c, c), c})
		untilGone(c)
	})
}

func TestEveryEndOverHTTP2HasAName(t *testing.T) {
	reset := func(p *framePeer) { p.WriteRSTStream(1, http2.ErrCodeEnhanceYourCalm) }
	goAway := func(p *framePeer) {
		p.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("full"))
		p.c.CloseWrite()
	}
	tests := []struct {
		name  string
		serve func(p *framePeer)
		// Of one that was never opened.
		reason Reason
		says   string
		// Of one that was.
		by     By
		breach string
	}{
		{name: "an answer of HTTP/1.1", serve: func(p *framePeer) { io.WriteString(p.c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, reason: ReasonHTTP2Unsupported, says: "http2: PROTOCOL_ERROR: the peer answers by HTTP/1.1"},
		{name: "an answer of HTTP/1.0", serve: func(p *framePeer) { io.WriteString(p.c, "HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n") }, reason: ReasonHTTP2Unsupported, says: "http2: PROTOCOL_ERROR: the peer answers by HTTP/1.1"},
		{name: "a frame too long at once", serve: func(p *framePeer) { p.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 20_000)) }, reason: ReasonHTTP2Unsupported, says: "http2: FRAME_SIZE_ERROR: a frame is longer than SETTINGS_MAX_FRAME_SIZE"},
		{name: "a FIN at once", serve: func(p *framePeer) { p.c.CloseWrite() }, reason: ReasonClosed},
		{name: "no SETTINGS", serve: func(p *framePeer) { p.WritePing(false, [8]byte{}) }, reason: ReasonHTTP2Unsupported},
		{name: "SETTINGS without extended CONNECT", serve: func(p *framePeer) { p.WriteSettings() }, reason: ReasonHTTP2NoWebSocket},
		{name: "no room for a stream", serve: func(p *framePeer) {
			p.greeted(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
		}, reason: ReasonHTTP2Refused},
		{name: "GOAWAY before the request", serve: func(p *framePeer) { p.greeted(); goAway(p) }, reason: ReasonHTTP2GoAway, says: "GOAWAY ENHANCE_YOUR_CALM: full"},
		{name: "GOAWAY before the answer", serve: func(p *framePeer) { p.asked(); goAway(p) }, reason: ReasonHTTP2GoAway},
		{name: "RST_STREAM before the answer", serve: func(p *framePeer) { p.asked(); reset(p) }, reason: ReasonHTTP2Reset, says: "RST_STREAM ENHANCE_YOUR_CALM"},
		{name: "a refused stream", serve: func(p *framePeer) {
			p.asked()
			p.WriteRSTStream(1, http2.ErrCodeRefusedStream)
		}, reason: ReasonHTTP2Refused},
		{name: "a status", serve: func(p *framePeer) { p.asked(); p.answers(1, "403", true) }, reason: Reason(403)},
		{name: "an answer without a status", serve: func(p *framePeer) {
			p.asked()
			p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true})
		}, reason: ReasonBadUpgrade},
		{name: "an answer that ends the stream", serve: func(p *framePeer) { p.asked(); p.answers(1, "200", true) }, by: ByNetwork},
		{name: "DATA before the answer", serve: func(p *framePeer) { p.asked(); p.WriteData(1, false, []byte("x")) }, reason: ReasonHTTP2Broken},
		{name: "a frame that breaks HTTP/2 before the answer", serve: func(p *framePeer) { p.asked(); p.WriteWindowUpdate(77, 1) }, reason: ReasonHTTP2Broken},
		{name: "RST_STREAM", serve: func(p *framePeer) { p.opened(); reset(p) }, by: ByServer, breach: nameReset},
		{name: "GOAWAY and FIN", serve: func(p *framePeer) { p.opened(); goAway(p) }, by: ByServer, breach: nameGoAway},
		{name: "END_STREAM without a Close", serve: func(p *framePeer) { p.opened(); p.WriteData(1, true, nil) }, by: ByNetwork},
		{name: "a FIN", serve: func(p *framePeer) { p.opened(); p.c.Close() }, by: ByNetwork},
		{name: "a RST", serve: func(p *framePeer) { p.opened(); p.c.SetLinger(0); p.c.Close() }, by: ByNetwork},
		{name: "a frame that breaks HTTP/2", serve: func(p *framePeer) { p.opened(); p.WriteWindowUpdate(77, 1) }, by: ByServer, breach: nameBroken},
		{name: "more than the window", serve: func(p *framePeer) {
			p.opened()
			for range 5 {
				p.WriteData(1, false, make([]byte, 16<<10))
			}
		}, by: ByServer, breach: nameBroken},
		{name: "a frame that breaks WebSocket", serve: func(p *framePeer) { p.opened(); p.WriteData(1, false, []byte{0xFF, 0}) }, by: ByServer, breach: "reserved_bits"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				e, w := start(t, impatientToClose(o)), newWitness(t)
				w.atOpen = func(c *Conn) {
					if test.breach == nameBroken && test.name == "more than the window" {
						c.Pause() // so that the window is not given back
					}
				}
				c := dialOverHTTP2(t, e, http2Peer(t, test.serve), 10, w)
				if test.reason != ReasonNone {
					f := w.next("failed").failure
					if f.Reason != test.reason || test.says != "" && f.Err.Error() != test.says {
						t.Errorf("failed as %v, want %v %s", f, test.reason, test.says)
					}
				} else {
					w.next("opened")
					end := w.next("closed").end
					if end.By != test.by || end.Breach != test.breach || end.Planned {
						t.Errorf("ended with %+v, want by the %v as %q", end, test.by, test.breach)
					}
				}
				nothingIsLeft(t, c)
			})
		})
	}
}

// nothingIsLeft tells whether a loop has forgotten all streams.
func nothingIsLeft(t *testing.T, c *Conn) {
	t.Helper()
	l := c.Loop()
	waitFor(t, "the loop to forget its streams", func() (done bool) {
		do(c, func() {
			done = len(l.multiplexed.groups) == 0
			for _, other := range l.conns {
				done = done && (other == nil || other.lane == nil)
			}
		})
		return done
	})
}

// A peer that asks for answers and reads none is not obeyed for ever.
func TestAFloodOverHTTP2EndsItsConnection(t *testing.T) {
	floods := map[string]func(p *framePeer) error{
		"PING":     func(p *framePeer) error { return p.WritePing(false, [8]byte{}) },
		"SETTINGS": func(p *framePeer) error { return p.WriteSettings() },
	}
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				o.UnsentBytes = 64 << 10
				e, w := start(t, o), newWitness(t)
				c := dialOverHTTP2(t, e, http2Peer(t, func(p *framePeer) {
					p.opened()
					for flood(p) == nil {
					}
				}), 10, w)
				w.next("opened")
				if end := w.next("closed").end; end.By != ByServer || end.Breach != nameBroken {
					t.Errorf("ended with %+v, want by the server as %s", end, nameBroken)
				}
				nothingIsLeft(t, c)
			})
		})
	}
}

// What a paused stream is sent stops at its window, and no other stream with it.
func TestAPausedStreamStopsAlone(t *testing.T) {
	const window, messages, size = 20_000, 10, 10_000
	onEachTransport(t, func(t *testing.T, o Options) {
		o.ReceiveBuffer = window
		url := http2Peer(t, func(p *framePeer) {
			p.greeted()
			windows := map[uint32]int{}
			waiting := map[uint32][]byte{}
			send := func(id uint32) {
				for n := 1; n > 0; {
					n = min(windows[id], len(waiting[id]), 16<<10)
					p.WriteData(id, false, waiting[id][:n])
					waiting[id] = waiting[id][n:]
					windows[id] -= n
				}
			}
			p.each(func(id uint32, f http2.Frame) {
				switch f := f.(type) {
				case *http2.HeadersFrame:
					p.answers(id, "200", false)
					windows[id] = window
					for i := range messages {
						waiting[id] = frame.Append(waiting[id], frame.Binary, bytes.Repeat([]byte{byte(i)}, size))
					}
					send(id)
				case *http2.WindowUpdateFrame:
					if id != 0 {
						windows[id] += int(f.Increment)
						send(id)
					}
				}
			})
		})
		e := start(t, o)
		slow, quick := newWitness(t), newWitness(t)
		slow.atOpen = (*Conn).Pause
		c := dialOverHTTP2(t, e, url, 10, slow)
		dialOverHTTP2(t, e, url, 10, quick)
		slow.next("opened")
		quick.next("opened")
		for range messages {
			quick.next("message")
		}
		waitFor(t, "the paused stream's window to be full", func() (full bool) {
			do(c, func() { full = c.Unread() == window })
			return full
		})
		do(c, c.Resume)
		for i := range messages {
			if m := slow.next("message").message; len(m.Data) != size || m.Data[0] != byte(i) || m.Since > m.At || m.At > m.Read {
				t.Fatalf("message %d is of %d bytes, the first %d, and came between %d and %d, read at %d", i, len(m.Data), m.Data[0], m.Since, m.At, m.Read)
			}
		}
	})
}

// A stream whose peer does not read takes no more than is allowed for it, and no
// other stream waits with it.
func TestAStreamThatIsNotReadIsHeldAlone(t *testing.T) {
	const limit = 100 << 10
	onEachTransport(t, func(t *testing.T, o Options) {
		o.UnsentBytes = limit
		url := http2Peer(t, func(p *framePeer) {
			p.greeted()
			p.each(func(id uint32, f http2.Frame) {
				switch f := f.(type) {
				case *http2.HeadersFrame:
					p.answers(id, "200", false)
				case *http2.DataFrame:
					if id != 1 && f.Length > 0 { // the first has its window, and no more
						p.WriteWindowUpdate(id, f.Length)
					}
					if f.Length > 0 {
						p.WriteWindowUpdate(0, f.Length)
					}
				}
			})
		})
		e := start(t, o)
		stuck, other := newWitness(t), newWitness(t)
		c, d := dialOverHTTP2(t, e, url, 10, stuck), dialOverHTTP2(t, e, url, 10, other)
		stuck.next("opened")
		other.next("opened")
		var err error
		var unsent int
		do(c, func() {
			for err == nil {
				_, err = c.Send(Binary, make([]byte, 1_000))
			}
			unsent = c.Unsent()
		})
		if err != ErrUnsent || unsent < limit || unsent > limit+1_100 {
			t.Errorf("after %v there wait %d bytes, want %v at %d", err, unsent, ErrUnsent, limit)
		}
		const much = 3 << 20
		for sent := 0; sent < much; {
			waitFor(t, "room on the other stream", func() (ok bool) {
				do(d, func() {
					_, err := d.Send(Binary, make([]byte, 50_000))
					ok = err == nil
				})
				return ok
			})
			sent += 50_000
		}
		do(c, c.Reset)
		if end := stuck.next("closed").end; end.By != ByClient {
			t.Errorf("ended with %+v", end)
		}
		do(d, d.Reset)
		other.next("closed")
		nothingIsLeft(t, c)
	})
}

// Streams that are over leave room for others on the same TCP connection, and the
// last one ends it.
func TestATCPConnectionIsUsedAgain(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		url := echoServer(t, o)
		e := start(t, o)
		keeps := newWitness(t)
		kept := dialOverHTTP2(t, e, url, 2, keeps)
		keeps.next("opened")
		for range 5 {
			w := newWitness(t)
			c := dialOverHTTP2(t, e, url, 2, w)
			if opening := w.next("opened").opening; opening.OpenedTCP() {
				t.Error("another TCP connection was opened, with room on the first")
			}
			do(c, c.Close)
			if end := w.next("closed").end; end.Code != 1000 {
				t.Errorf("ended with %+v", end)
			}
			waitFor(t, "the stream's end", func() (over bool) {
				do(c, func() { over = c.state == dead })
				return over
			})
		}
		do(kept, kept.Close)
		keeps.next("closed")
		nothingIsLeft(t, kept)
		waitFor(t, "the TCP connection's end", func() (over bool) {
			do(kept, func() { over = kept.Loop().Connections() == 0 })
			return over
		})
	})
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A server that says that it will go takes no further streams, and serves those
// that it has to their end.
func TestAServerThatWillGoKeepsItsStreams(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		going := make(chan *framePeer, 2)
		url := http2Peer(t, func(p *framePeer) {
			p.opened()
			going <- p
			p.until(http2.FrameGoAway)
		})
		e, first := start(t, o), newWitness(t)
		c := dialOverHTTP2(t, e, url, 10, first)
		first.next("opened")
		p := <-going
		p.WriteGoAway(1, http2.ErrCodeNo, nil)
		p.WriteData(1, false, frame.Append(nil, frame.Text, []byte("still here")))
		if m := first.next("message").message; string(m.Data) != "still here" {
			t.Errorf("%q came", m.Data)
		}
		second := newWitness(t)
		d := dialOverHTTP2(t, e, url, 10, second)
		if opening := second.next("opened").opening; !opening.OpenedTCP() {
			t.Error("another stream was opened on a connection that will go")
		}
		p.WriteData(1, true, frame.Append(nil, frame.Close, []byte("\x03\xe9")))
		if end := first.next("closed").end; end.Code != 1001 || end.By != ByServer {
			t.Errorf("ended with %+v, want the server's 1001", end)
		}
		do(d, d.Reset)
		second.next("closed")
		nothingIsLeft(t, c)
	})
}

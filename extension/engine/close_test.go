package engine

import (
	"net"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

func TestEveryCloseEnds(t *testing.T) {
	tests := []struct {
		name  string
		serve func(c *net.TCPConn)
		act   func(c *Conn)
		want  End
	}{
		{"a peer that never answers our Close", upgraded(untilGone),
			func(c *Conn) { c.CloseWith(1000, "") }, End{Code: 1006, By: ByTimeout, Planned: true}},
		{"a peer that sends for ever and never reads", upgraded(func(c *net.TCPConn) {
			endlessly(c, []byte("\x81\x01x"), []byte("\x81\x01x"))
		}), func(c *Conn) { c.CloseWith(1000, "") }, End{Code: 1006, By: ByTimeout, Planned: true}},
		{"a peer that answers our Close and leaves the TCP connection open", upgraded(func(c *net.TCPConn) {
			c.Read(make([]byte, 100)) // our Close
			c.Write([]byte("\x88\x02\x03\xe8"))
			untilGone(c)
		}), func(c *Conn) { c.CloseWith(1000, "") }, End{Code: 1000, By: ByClient, Planned: true}},
		{"a peer that closes and leaves the TCP connection open", upgradedThenSends([]byte("\x88\x02\x03\xe8")),
			nil, End{Code: 1000, By: ByServer}},
		{"a peer that closes with a code of its own", upgraded(func(c *net.TCPConn) {
			c.Write([]byte("\x88\x02\x0f\xa1"))
		}), nil, End{Code: 4001, By: ByServer}},
		{"a peer that says why it closes", upgraded(func(c *net.TCPConn) {
			c.Write([]byte("\x88\x0f\x0f\xa1token expired"))
		}), nil, End{Code: 4001, By: ByServer, Text: "token expired"}},
		{"a peer that closes without a code", upgraded(func(c *net.TCPConn) {
			c.Write([]byte("\x88\x00"))
		}), nil, End{Code: 1005, By: ByServer}},
		{"a peer that goes without a Close", upgraded(func(c *net.TCPConn) {}),
			nil, End{Code: 1006, By: ByNetwork}},
		{"a peer that resets", upgraded(func(c *net.TCPConn) { c.SetLinger(0) }),
			nil, End{Code: 1006, By: ByNetwork}},
		{"our own reset", upgraded(untilGone),
			(*Conn).Reset, End{Code: 1006, By: ByClient, Planned: true}},
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
				bound := func() clock.Time { return c.loop.deadlines.at(c.deadlineAt) }
				var first, second clock.Time
				do(c, func() {
					c.CloseWith(1000, "")
					first = bound()
				})
				for answered, deadline := false, time.Now().Add(patience); !answered; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("the answer never came")
					}
					do(c, func() {
						if answered = c.socket.IsEnding(); answered {
							second = bound()
						}
					})
				}
				if second != first {
					t.Errorf("the bound moved by %v", second.Sub(first))
				}
				do(c, c.Reset)
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
			do(c, func() { c.Send(Text, []byte("x")) })
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
		do(c, func() { c.CloseWith(4000, strings.Repeat("é", 100)) })
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

// Where a write fails because the peer has gone, the peer may have said why.
func TestAPeersCloseIsReadBeforeAWriteFails(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		full, gone := make(chan struct{}), make(chan struct{})
		url := rawPeer(t, upgraded(func(c *net.TCPConn) {
			<-full
			c.Write(frame.Append(nil, frame.Close, frame.ClosePayload(nil, 1013, "")))
			c.SetLinger(0)
			c.Close()
			close(gone)
		}))
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		do(c, func() {
			for c.Unsent() == 0 {
				if _, err := c.Send(Binary, make([]byte, 60_000)); err != nil {
					t.Error(err)
					break
				}
			}
			close(full)
			<-gone
		})
		if end := w.next("closed").end; end.Code != 1013 || end.By != ByServer {
			t.Errorf("closed with %+v, want the server's 1013", end)
		}
	})
}

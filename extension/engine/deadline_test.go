package engine

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
)

// passDeadline lets c's present phase run out while the loop is away. On the
// loop's goroutine.
func passDeadline(c *Conn) {
	c.setDeadline(time.Millisecond)
	for deadline := c.loop.deadlines.at(c.deadlineAt); clock.Now() <= deadline; {
		runtime.Gosched()
	}
}

// awaitArrival waits until something has come for c that the loop does not know
// of yet. On the loop's goroutine.
func awaitArrival(t *testing.T, c *Conn) {
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		came := c.Unread() > 0
		if p, ok := c.loop.poll.(*goroutines); ok {
			came = len(p.events) > 0
		}
		if came {
			return
		}
		if time.Now().After(deadline) {
			t.Error("nothing came")
			return
		}
	}
}

// What has come in time is in time, however late the loop comes round to it.
func TestAPhaseIsJudgedByWhatHasCome(t *testing.T) {
	awaitStamps(t)
	// answers serves the handshake, answering once it is told to.
	answers := func(t *testing.T, asked chan<- bool, answer <-chan bool, then func(c *net.TCPConn)) string {
		return rawPeer(t, func(c *net.TCPConn) {
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				return
			}
			asked <- true
			if !<-answer {
				return
			}
			c.Write(handshake.AppendResponse(nil, handshake.Key([]byte(r.Header.Get("Sec-WebSocket-Key"))), ""))
			then(c)
		})
	}
	for _, timely := range []bool{true, false} {
		name := map[bool]string{true: "an answer in time", false: "an answer too late"}[timely]
		t.Run(name, func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				asked, answer := make(chan bool), make(chan bool)
				defer close(answer)
				url := answers(t, asked, answer, untilGone)
				e, w := start(t, o), newWitness(t)
				c := dial(t, e, url, w)
				<-asked
				do(c, func() {
					if !timely {
						passDeadline(c)
					}
					answer <- true
					awaitArrival(t, c)
					if timely {
						passDeadline(c)
					}
				})
				if timely {
					w.next("opened")
				} else if f := w.next("failed").failure; f.Reason != ReasonTimeoutUpgrade {
					t.Errorf("failed as %v, want timeout_upgrade", f)
				}
			})
		})
		t.Run(name+" to a Close", func(t *testing.T) {
			onEachTransport(t, func(t *testing.T, o Options) {
				answer := make(chan bool)
				url := rawPeer(t, upgraded(func(c *net.TCPConn) {
					<-answer
					c.Write([]byte("\x88\x02\x03\xe8"))
				}))
				e, w := start(t, o), newWitness(t)
				c := dial(t, e, url, w)
				w.next("opened")
				want := ByTimeout
				do(c, func() {
					c.CloseWith(1000, "")
					if !timely {
						passDeadline(c)
					}
					answer <- true
					awaitArrival(t, c)
					if timely {
						want = ByClient
						passDeadline(c)
					}
				})
				if end := w.next("closed").end; end.By != want {
					t.Errorf("closed with %+v, want by %v", end, want)
				}
			})
		})
	}
	t.Run("a TCP connection", func(t *testing.T) {
		url := rawPeer(t, upgraded(untilGone))
		endpoint, _, err := ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		onEachTransport(t, func(t *testing.T, o Options) {
			e, w := start(t, o), newWitness(t)
			l := e.Loops()[0]
			l.Await(func() {
				c := l.Dial(&Dial{Endpoint: endpoint}, w)
				if o.Transport == Goroutines { // on epoll it is there at once
					awaitArrival(t, c)
				}
				passDeadline(c)
			})
			w.next("opened")
		})
	})
	t.Run("a look-up", func(t *testing.T) {
		url := rawPeer(t, upgraded(untilGone))
		onEachTransport(t, func(t *testing.T, o Options) {
			asked, answer := make(chan bool), make(chan bool)
			o.Resolve = func(context.Context, string, uint16) ([]netip.AddrPort, error) {
				asked <- true
				<-answer
				address, err := netip.ParseAddrPort(strings.TrimPrefix(url, "ws://"))
				return []netip.AddrPort{address}, err
			}
			e, w := start(t, o), newWitness(t)
			c := dial(t, e, "ws://name.example", w)
			<-asked
			do(c, func() {
				answer <- true
				for posted := 0; posted == 0; runtime.Gosched() {
					c.loop.posted.Lock()
					posted = len(c.loop.posted.calls)
					c.loop.posted.Unlock()
				}
				passDeadline(c)
			})
			w.next("opened")
		})
	})
}

// The time that this side takes to compute is not the peer's.
func TestOurShareOfAHandshakeIsNoTimeout(t *testing.T) {
	url := secureURL(securePeer(t, nil))
	onEachTransport(t, func(t *testing.T, o Options) {
		computing, computed := make(chan bool), make(chan bool)
		o.TLS = &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error {
			computing <- true
			<-computed
			return nil
		}}
		e, w := start(t, o), newWitness(t)
		c := dial(t, e, url, w)
		<-computing
		do(c, func() { passDeadline(c) })
		for range 3 { // turns of the loop, in which the deadline rings
			do(c, func() {})
		}
		close(computed)
		w.next("opened")
	})
}

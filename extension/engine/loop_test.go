package engine

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
)

// Scripts that read a property in onclose ask a loop while their engine closes.
func TestCallsBesideCloseReturn(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		const rounds, askers = 300, 4
		for range rounds {
			e, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			l := e.Loops()[0]
			var all sync.WaitGroup
			for range askers {
				all.Go(func() {
					for ran := false; l.Await(func() { ran = true }); ran = false {
						if !ran {
							t.Error("a call was awaited and did not run")
						}
					}
				})
			}
			for range 20 {
				runtime.Gosched()
			}
			e.Close()
			within(t, "every call to return", all.Wait)
		}
	})
}

// within waits for f to return.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
}

// lockedWaker is a poller that can only be woken, and minds when.
type lockedWaker struct {
	poller
	loop  *Loop
	t     *testing.T
	woken int
}

func (p *lockedWaker) wake() {
	p.woken++
	if p.loop.posted.TryLock() {
		p.loop.posted.Unlock()
		p.t.Error("the loop is woken where it may have ended: what wakes it may be somebody else's file by now")
	}
}

func TestALoopIsWokenOnlyWhileItCannotEnd(t *testing.T) {
	l := &Loop{}
	p := &lockedWaker{loop: l, t: t}
	l.poll = p
	l.Do(func() {})
	if p.woken != 1 {
		t.Errorf("woken %d times, want once", p.woken)
	}
	l.closePosted(true)
	if l.Do(func() {}) || p.woken != 1 {
		t.Error("a loop that has ended was woken")
	}
}

// redialer is a Handler that dials anew whatever ends.
type redialer struct {
	url            string
	t              *testing.T
	opened         chan struct{}
	dialled, heard int
	reasons        map[Reason]int
}

func (h *redialer) dial(l *Loop) {
	endpoint, path, err := ParseURL(h.url)
	if err != nil {
		h.t.Error(err)
		return
	}
	h.dialled++
	l.Dial(&Dial{Endpoint: endpoint, Request: withPath(path)}, h)
}

func (h *redialer) Opened(*Conn, *Opening)  { h.opened <- struct{}{} }
func (h *redialer) Message(*Conn, Message)  {}
func (h *redialer) Alarm(*Conn, clock.Time) {}
func (h *redialer) Closed(c *Conn, _ End)   { h.heard++; h.dial(c.Loop()) }
func (h *redialer) Failed(c *Conn, _ *Opening, f Failure) {
	h.heard++
	h.reasons[f.Reason]++
	if h.dialled < 20 {
		h.dial(c.Loop())
	}
}

// Whoever dials while the engine closes hears what came of it, and keeps no
// descriptor and no goroutine (which TestMain looks for).
func TestADialWhileTheEngineClosesIsAborted(t *testing.T) {
	url := rawPeer(t, upgraded(untilGone))
	onEachTransport(t, func(t *testing.T, o Options) {
		e := start(t, o)
		const connections = 5
		h := &redialer{url: url, t: t, opened: make(chan struct{}, connections), reasons: map[Reason]int{}}
		l := e.Loops()[0]
		l.Await(func() {
			for range connections {
				h.dial(l)
			}
		})
		for range connections {
			<-h.opened
		}
		e.Close()
		if h.heard != h.dialled || h.reasons[ReasonAborted] != 20-connections || len(h.reasons) != 1 {
			t.Errorf("%d dialled, %d heard how that ended, by reason %v; want all, aborted", h.dialled, h.heard, h.reasons)
		}
		if l.Connections() != 0 {
			t.Errorf("%d connections are left", l.Connections())
		}
	})
}

// Even a handler that never gives up cannot keep an engine from closing.
func TestAHandlerThatAlwaysDialsDoesNotHoldUpClose(t *testing.T) {
	onEachTransport(t, func(t *testing.T, o Options) {
		e := start(t, o)
		h := &stubborn{redialer{url: "ws://127.0.0.1:1", t: t, reasons: map[Reason]int{}}}
		endpoint, _, err := ParseURL(h.url)
		if err != nil {
			t.Fatal(err)
		}
		e.Loops()[0].Await(func() { e.Loops()[0].Dial(&Dial{Endpoint: endpoint}, h) })
		within(t, "Close to return", e.Close)
	})
}

type stubborn struct{ redialer }

func (h *stubborn) Failed(c *Conn, _ *Opening, _ Failure) {
	endpoint, _, _ := ParseURL(h.url)
	c.Loop().Dial(&Dial{Endpoint: endpoint}, h)
}

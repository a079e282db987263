package engine

import (
	"crypto/tls"
	"sync"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/eventstream"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/websocket"
)

// poller moves bytes between sockets and a loop, and is all that differs from
// platform to platform. It is used on the loop's goroutine only, but for wake;
// there it calls the loop's connected, received, writable, broken and accepted.
type poller interface {
	// wait handles what has happened, or waits for it at most until the
	// instant given (0: for ever). What had arrived before settled is handled
	// then.
	wait(until clock.Time) (settled clock.Time)
	// wake ends a wait. From any goroutine.
	wake()
	// connect begins a TCP connection for c.
	connect(c *Conn, to target) error
	// write hands bytes to the kernel and returns how many it took. After
	// fewer than all it calls writable when there is room again.
	write(c *Conn, b []byte) (int, error)
	// read turns reading on or off: what is not read fills the peer's window.
	read(c *Conn, on bool)
	// unread is how many received bytes wait in the kernel, -1 where unknown.
	unread(c *Conn) int
	// settled is up to when all that arrived on c is handled.
	settled(c *Conn) clock.Time
	// shut sends a FIN after what write was given, and goes on reading.
	shut(c *Conn)
	// close frees c's socket; reset sends a RST instead of a FIN.
	close(c *Conn, reset bool)
	// listen opens a listening socket.
	listen(s *Listener) error
	unlisten(s *Listener)
	// stop frees what the poller holds.
	stop()
}

// Loop serves its share of the connections on one goroutine.
type Loop struct {
	options   *Options
	poll      poller
	timers    timers     // ring when the clock says so
	deadlines timers     // ring when all that arrived by then is handled
	settled   clock.Time // up to when that is so
	boundUsed bool       // some message's arrival is known by its bounds only
	idle      time.Duration
	conns     []*Conn // by slot; nil is free
	free      []int32

	sockets    *websocket.Shared
	streams    *eventstream.Shared
	scratch    []byte     // one request to a proxy at a time
	plaintext  []byte     // one TLS read at a time
	openings   []*opening // to be used again
	opening    int        // connections that are not open yet
	unsent     int        // bytes of all connections that the kernel has not taken yet
	tlsConfigs map[tlsKey]*tls.Config
	routes     map[Endpoint]Route

	multiplexed multiplexed

	posted struct {
		sync.Mutex
		calls  []func()
		closed bool
	}
	spare   []func()
	closing bool
}

func newLoop(o *Options) (*Loop, error) {
	l := &Loop{
		options:    o,
		tlsConfigs: make(map[tlsKey]*tls.Config),
		routes:     make(map[Endpoint]Route),
		sockets: websocket.NewShared(websocket.Options{
			Limits:      frame.Limits{MessageBytes: o.MessageBytes, Buffer: o.buffer},
			HeaderBytes: o.HeaderBytes,
			Deflate:     o.Deflate,
			CloseWithin: o.Timeouts.Close,
		}),
		streams: eventstream.NewShared(eventstream.Options{
			Limits:      eventstream.Limits{EventBytes: o.MessageBytes, Buffer: o.buffer},
			HeaderBytes: o.HeaderBytes,
		}),
	}
	var err error
	l.poll, err = newPoller(l, o.Transport)
	return l, err
}

// Do calls f on the loop's goroutine, soon. It may be called from any
// goroutine; false says that the loop has ended and f is not called.
func (l *Loop) Do(f func()) bool {
	l.posted.Lock()
	defer l.posted.Unlock()
	if l.posted.closed {
		return false
	}
	l.posted.calls = append(l.posted.calls, f)
	if len(l.posted.calls) == 1 {
		// Under the lock, while the loop cannot end: afterwards the descriptor
		// that wakes it may be somebody else's.
		l.poll.wake()
	}
	return true
}

// Await is Do, and waits until f has returned. Not from a loop's goroutine.
func (l *Loop) Await(f func()) bool {
	done := make(chan struct{})
	if !l.Do(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// Look calls f and waits for it: on the loop's goroutine, or on the caller's once
// the loop has ended. Either way f has what is the loop's to itself. Not from a
// loop's goroutine.
func (l *Loop) Look(f func()) {
	if !l.Await(f) {
		f()
	}
}

// run serves the loop until it is told to close. Each turn first handles what
// the kernel holds, and last rings the deadlines, so that nothing which has come
// is taken for missing.
func (l *Loop) run() {
	var next clock.Time // for ever: the first call that is posted ends the wait
	for {
		l.settled = l.poll.wait(next)
		l.timers.fire(clock.Now())
		l.runPosted()
		if l.closing {
			break
		}
		l.deadlines.fire(l.settled)
		l.endTurn()
		next = l.timers.next()
		if deadline := l.deadlines.next(); next == 0 || deadline != 0 && deadline < next {
			next = deadline
		}
	}
	l.end()
	l.poll.stop()
}

func (l *Loop) runPosted() {
	l.posted.Lock()
	calls := l.posted.calls
	l.posted.calls = l.spare[:0]
	l.posted.Unlock()
	for i, f := range calls {
		f()
		calls[i] = nil
	}
	l.spare = calls
}

// lastTurns bounds how often what handlers do about the end of their
// connections, and about the end of that, is gone along with.
const lastTurns = 100

// end aborts all connections. Functions posted meanwhile still run, and dials meanwhile fail.
func (l *Loop) end() {
	for turn := 0; ; turn++ {
		for i := 0; i < len(l.conns); i++ { // a handler may dial
			if c := l.conns[i]; c != nil {
				c.Reset() // no handshake is owed to anyone
			}
		}
		if l.closePosted(turn == lastTurns) {
			break
		}
		l.runPosted()
	}
	l.runPosted()
}

// closePosted ends posting where nothing is posted, or else if it must.
func (l *Loop) closePosted(must bool) bool {
	l.posted.Lock()
	defer l.posted.Unlock()
	l.posted.closed = must || len(l.posted.calls) == 0
	return l.posted.closed
}

// Idle is how long the loop has waited for something to do, up to now. What it
// was not idle it was at work, or without a processor amid its work. Epoll
// only: elsewhere it is 0. On the loop's goroutine.
func (l *Loop) Idle() time.Duration { return l.idle }

// Connections is how many connections the loop has, in any state.
func (l *Loop) Connections() int { return len(l.conns) - len(l.free) }

// add gives c a slot.
func (l *Loop) add(c *Conn) {
	if last := len(l.free) - 1; last >= 0 {
		c.slot = l.free[last]
		l.free = l.free[:last]
		l.conns[c.slot] = c
		return
	}
	c.slot = int32(len(l.conns))
	l.conns = append(l.conns, c)
}

func (l *Loop) remove(c *Conn) {
	l.conns[c.slot] = nil
	l.free = append(l.free, c.slot)
}

func until(d time.Duration) clock.Time { return clock.Now().Add(d) }

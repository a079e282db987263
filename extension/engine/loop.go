package engine

import (
	crand "crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

// poller moves bytes between sockets and a loop, and is all that differs from
// platform to platform. It is used on the loop's goroutine only, but for wake;
// there it calls the loop's connected, received, writable, broken and accepted.
type poller interface {
	// wait handles what has happened, or waits for it at most until the
	// instant given (0: for ever).
	wait(until clock.Time)
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
	options *Options
	poll    poller
	timers  timers
	conns   []*Conn // by slot; nil is free
	free    []int32

	fromServers, fromClients *frame.Parser
	random                   *rand.ChaCha8
	scratch                  []byte     // one frame or request at a time
	plaintext                []byte     // one TLS read at a time
	openings                 []*opening // to be used again
	opening                  int        // connections that are not open yet
	unsent                   int        // bytes of all connections that the kernel has not taken yet
	tlsConfigs               map[string]*tls.Config
	routes                   map[Endpoint]Route

	posted struct {
		sync.Mutex
		calls  []func()
		closed bool
	}
	spare   []func()
	stopped bool
}

func newLoop(o *Options) (*Loop, error) {
	var seed [32]byte
	crand.Read(seed[:])
	limits := frame.Limits{MessageBytes: o.MessageBytes, Buffer: o.buffer}
	l := &Loop{
		options:     o,
		tlsConfigs:  make(map[string]*tls.Config),
		routes:      make(map[Endpoint]Route),
		random:      rand.NewChaCha8(seed),
		fromServers: frame.NewParser(limits, false),
		fromClients: frame.NewParser(limits, true),
	}
	var err error
	l.poll, err = newPoller(l, o.Transport)
	return l, err
}

// Do calls f on the loop's goroutine, soon. It may be called from any
// goroutine; false says that the loop has ended and f is not called.
func (l *Loop) Do(f func()) bool {
	l.posted.Lock()
	if l.posted.closed {
		l.posted.Unlock()
		return false
	}
	l.posted.calls = append(l.posted.calls, f)
	first := len(l.posted.calls) == 1
	l.posted.Unlock()
	if first {
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

func (l *Loop) run() {
	for !l.stopped {
		next := l.timers.fire(clock.Now())
		l.runPosted()
		if l.stopped {
			break
		}
		if len(l.timers) > 0 {
			next = l.timers[0].at // a posted call may have set one
		}
		l.poll.wait(next)
	}
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

func (l *Loop) shutDown() {
	for _, c := range l.conns {
		if c != nil {
			c.abort()
		}
	}
	// What a handler posted while its connection was aborted still runs.
	for {
		l.posted.Lock()
		if len(l.posted.calls) == 0 {
			l.posted.closed = true
			l.posted.Unlock()
			break
		}
		l.posted.Unlock()
		l.runPosted()
	}
	l.stopped = true
}

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

func (l *Loop) mask() (m [4]byte) {
	binary.LittleEndian.PutUint32(m[:], uint32(l.random.Uint64()))
	return m
}

func until(d time.Duration) clock.Time { return clock.Now().Add(d) }

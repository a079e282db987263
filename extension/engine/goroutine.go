package engine

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/wire"
)

// goroutines is the poller for every platform: a goroutine for each connection
// reads, and hands what it read to the loop before it reads on.
type goroutines struct {
	loop      *Loop
	events    chan goEvent
	woken     chan struct{}
	done      chan struct{}
	running   sync.WaitGroup
	socks     []*goSock // by slot
	listeners map[*Listener]net.Listener
	timer     *time.Timer
	arrivals  arrivals // at the loop
}

// goSock is a connection's socket. The goroutines that serve it know it by
// pointer, so what they still say after its end goes nowhere.
type goSock struct {
	c       *Conn
	cancel  context.CancelFunc // of the dial
	conn    net.Conn
	closed  bool
	reading bool
	busy    bool     // the reader is reading
	failed  error    // why nothing can be written any more
	proceed chan int // how much to read; closed at the end
	buf     []byte

	out struct {
		sync.Mutex
		waiting []byte
		writing bool
		wants   bool
		shut    bool // a FIN is to follow what waits
	}
}

type goEvent struct {
	kind     eventKind
	sock     *goSock
	listener *Listener
	conn     net.Conn
	n        int
	at       clock.Time
	err      error
}

type eventKind uint8

const (
	connectedEvent eventKind = iota
	receivedEvent
	writableEvent
	acceptedEvent
)

const (
	goReadBytes = 4 << 10
	goOutBytes  = 64 << 10 // taken for the writer before the loop must wait
)

func newGoroutines(l *Loop) *goroutines {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &goroutines{
		loop:      l,
		events:    make(chan goEvent, 64),
		woken:     make(chan struct{}, 1),
		done:      make(chan struct{}),
		listeners: make(map[*Listener]net.Listener),
		timer:     timer,
	}
}

func (p *goroutines) stop() {
	for _, l := range p.listeners {
		l.Close()
	}
	close(p.done)
	p.running.Wait()
	for { // a connection may lie in an event that nobody took
		select {
		case e := <-p.events:
			if e.conn != nil {
				e.conn.Close()
			}
		default:
			return
		}
	}
}

func (p *goroutines) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *goroutines) wait(until clock.Time) (settled clock.Time) {
	var ring <-chan time.Time
	if until != 0 {
		p.timer.Reset(max(until.Sub(clock.Now()), 0))
		defer p.timer.Stop()
		ring = p.timer.C
	}
	select {
	case e := <-p.events:
		p.handle(e)
	case <-p.woken:
	case <-ring:
	}
	p.arrivals.look()
	told, room := 0, cap(p.events)
	for more := true; more && told < room; {
		select {
		case e := <-p.events:
			p.handle(e)
			told++
		default:
			more = false
		}
	}
	// At most two goroutines to a socket wait for their turns, in order.
	p.arrivals.handled(told, room, room+2*len(p.socks))
	return p.arrivals.since
}

func (p *goroutines) say(e goEvent) bool {
	select {
	case p.events <- e:
		return true
	case <-p.done:
		return false
	}
}

func (p *goroutines) handle(e goEvent) {
	switch e.kind {
	case acceptedEvent:
		if p.listeners[e.listener] == nil {
			e.conn.Close()
			return
		}
		p.serve(&goSock{c: p.loop.accepted(e.listener)}, e.conn)
		return
	case connectedEvent:
		p.handleConnected(e)
		return
	}
	s := e.sock
	if s.closed {
		return
	}
	switch e.kind {
	case writableEvent:
		switch {
		case e.err == nil:
			p.loop.writable(s.c)
		case s.busy: // the peer may have said why: the reader finds that, or the end
			const soon = time.Second
			s.failed = e.err
			s.conn.SetReadDeadline(time.Now().Add(soon))
		default:
			p.loop.broken(s.c, e.err)
		}
	case receivedEvent:
		s.busy = false
		if e.n > 0 {
			p.loop.received(s.c, s.buf[:e.n], false, wire.Arrival{Since: e.at, At: e.at, Read: clock.Now()})
		}
		switch {
		case s.closed:
		case s.failed != nil && errors.Is(e.err, os.ErrDeadlineExceeded):
			p.loop.broken(s.c, s.failed)
		case e.err == nil || errors.Is(e.err, os.ErrDeadlineExceeded): // the latter by Pause
			p.next(s)
		default:
			p.loop.broken(s.c, e.err)
		}
	}
}

func (p *goroutines) handleConnected(e goEvent) {
	if e.sock.closed {
		if e.conn != nil {
			e.conn.Close()
		}
		return
	}
	c := e.sock.c
	if e.err != nil {
		p.loop.connected(c, e.at, e.err)
		return
	}
	p.serve(e.sock, e.conn)
	p.loop.connected(c, e.at, nil)
}

func (p *goroutines) put(c *Conn, s *goSock) {
	for int(c.slot) >= len(p.socks) {
		p.socks = append(p.socks, nil)
	}
	p.socks[c.slot] = s
}

// next lets the reader read once more, if it may.
func (p *goroutines) next(s *goSock) {
	if s.closed || s.busy || !s.reading {
		return
	}
	if limit := s.c.mayRead(len(s.buf)); limit > 0 {
		s.busy = true
		s.proceed <- limit
	}
}

func (p *goroutines) read(c *Conn, on bool) {
	s := p.sock(c)
	if s == nil || s.conn == nil || s.reading == on {
		return
	}
	s.reading = on
	if on {
		s.conn.SetReadDeadline(time.Time{})
		p.next(s)
	} else if s.busy {
		s.conn.SetReadDeadline(time.Unix(1, 0)) // end the read that waits
	}
}

func (p *goroutines) sock(c *Conn) *goSock {
	if int(c.slot) >= len(p.socks) || p.socks[c.slot] == nil || p.socks[c.slot].c != c {
		return nil
	}
	return p.socks[c.slot]
}

func (p *goroutines) unread(*Conn) int { return -1 }

func (p *goroutines) settled(*Conn) clock.Time { return p.loop.settled }

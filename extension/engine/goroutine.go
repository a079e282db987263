package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"xk6-realtime/engine/clock"
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
	proceed chan int // how much to read; closed at the end
	buf     []byte

	out struct {
		sync.Mutex
		waiting []byte
		writing bool
		wants   bool
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

func (p *goroutines) wait(until clock.Time) {
	var ring <-chan time.Time
	if until != 0 {
		p.timer.Reset(max(until.Sub(clock.Now()), 0))
		defer p.timer.Stop()
		ring = p.timer.C
	}
	select {
	case e := <-p.events:
		p.handle(e)
		for range len(p.events) {
			p.handle(<-p.events)
		}
	case <-p.woken:
	case <-ring:
	}
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
		if e.err != nil {
			p.loop.broken(s.c, e.err)
			return
		}
		p.loop.writable(s.c)
	case receivedEvent:
		s.busy = false
		if e.n > 0 {
			p.loop.received(s.c, s.buf[:e.n], e.at, e.at)
		}
		switch {
		case s.closed:
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

func (p *goroutines) connect(c *Conn, to target) error {
	ctx, cancel := context.WithCancel(context.Background())
	s := &goSock{c: c, cancel: cancel}
	p.put(c, s)
	dialer := net.Dialer{}
	if to.from.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(to.from, 0))
	}
	p.running.Go(func() {
		conn, err := dialer.DialContext(ctx, "tcp", to.to.String())
		if err == nil && to.receiveBuffer > 0 {
			err = conn.(*net.TCPConn).SetReadBuffer(to.receiveBuffer)
		}
		e := goEvent{kind: connectedEvent, sock: s, conn: conn, err: err, at: clock.Now()}
		if !p.say(e) && conn != nil {
			conn.Close()
		}
	})
	return nil
}

func (p *goroutines) put(c *Conn, s *goSock) {
	for int(c.slot) >= len(p.socks) {
		p.socks = append(p.socks, nil)
	}
	p.socks[c.slot] = s
}

// serve starts reading from conn.
func (p *goroutines) serve(s *goSock, conn net.Conn) {
	p.put(s.c, s)
	s.conn = conn
	s.reading = !s.c.paused
	s.proceed = make(chan int, 1)
	s.buf = make([]byte, goReadBytes)
	p.running.Go(func() {
		for limit := range s.proceed {
			n, err := s.conn.Read(s.buf[:limit])
			if !p.say(goEvent{kind: receivedEvent, sock: s, n: n, err: err, at: clock.Now()}) {
				return
			}
		}
	})
	p.next(s)
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

func (p *goroutines) write(c *Conn, b []byte) (int, error) {
	s := p.sock(c)
	s.out.Lock()
	defer s.out.Unlock()
	n := min(len(b), goOutBytes-len(s.out.waiting))
	s.out.waiting = append(s.out.waiting, b[:n]...)
	s.out.wants = n < len(b)
	if !s.out.writing && n > 0 {
		s.out.writing = true
		p.running.Go(func() { p.flush(s) })
	}
	return n, nil
}

// flush writes what waits until nothing does.
func (p *goroutines) flush(s *goSock) {
	var b []byte
	for {
		s.out.Lock()
		b, s.out.waiting = s.out.waiting, b[:0]
		wants := s.out.wants
		s.out.wants = false
		s.out.writing = len(b) > 0
		s.out.Unlock()
		if wants {
			p.say(goEvent{kind: writableEvent, sock: s})
		}
		if len(b) == 0 {
			return
		}
		if _, err := s.conn.Write(b); err != nil {
			p.say(goEvent{kind: writableEvent, sock: s, err: err})
			return
		}
	}
}

func (p *goroutines) unread(*Conn) int { return -1 }

func (p *goroutines) close(c *Conn, reset bool) {
	s := p.sock(c)
	if s == nil {
		return
	}
	s.closed = true
	p.socks[c.slot] = nil
	if s.cancel != nil {
		s.cancel()
	}
	if s.conn == nil {
		return
	}
	if tcp, ok := s.conn.(*net.TCPConn); ok && reset {
		tcp.SetLinger(0)
	}
	close(s.proceed)
	if reset {
		s.conn.Close()
		return
	}
	// The last bytes, such as a Close frame's answer, may still be waiting.
	s.out.Lock()
	writing := s.out.writing
	s.out.Unlock()
	if !writing {
		s.conn.Close()
		return
	}
	p.running.Go(func() {
		const linger = 100 * time.Millisecond
		s.conn.SetWriteDeadline(time.Now().Add(linger))
		for writing {
			time.Sleep(time.Millisecond)
			s.out.Lock()
			writing = s.out.writing
			s.out.Unlock()
		}
		s.conn.Close()
	})
}

func (p *goroutines) listen(s *Listener) error {
	l, err := net.Listen("tcp", s.addr.String())
	if err != nil {
		return err
	}
	s.addr = l.Addr().(*net.TCPAddr).AddrPort()
	p.listeners[s] = l
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // out of descriptors: others may close
				continue
			}
			if !p.say(goEvent{kind: acceptedEvent, listener: s, conn: conn}) {
				conn.Close()
				return
			}
		}
	})
	return nil
}

func (p *goroutines) unlisten(s *Listener) {
	if l := p.listeners[s]; l != nil {
		l.Close()
		delete(p.listeners, s)
	}
}

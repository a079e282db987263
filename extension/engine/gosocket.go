package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"xk6-realtime/engine/clock"
)

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
		switch {
		case err != nil:
			err = bindError(to.from, err)
		case to.receiveBuffer > 0:
			if err = conn.(*net.TCPConn).SetReadBuffer(to.receiveBuffer); err != nil {
				conn.Close()
				conn = nil
			}
		}
		e := goEvent{kind: connectedEvent, sock: s, conn: conn, err: err, at: clock.Now()}
		if !p.say(e) && conn != nil {
			conn.Close()
		}
	})
	return nil
}

// bindError tells a source address that cannot be used, from one that has no
// port left and from all else that can go wrong with a dial.
func bindError(from netip.Addr, err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) && call.Syscall == "bind" && !errors.Is(err, addressInUse) {
		return &sourceError{from, call.Err}
	}
	return err
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
		shut := s.out.shut
		s.out.Unlock()
		if wants {
			p.say(goEvent{kind: writableEvent, sock: s})
		}
		if len(b) == 0 {
			if shut {
				s.closeWrite()
			}
			return
		}
		if _, err := s.conn.Write(b); err != nil {
			s.out.Lock()
			s.out.waiting, s.out.writing = nil, false // close waits for no more
			s.out.Unlock()
			p.say(goEvent{kind: writableEvent, sock: s, err: err})
			return
		}
	}
}

func (p *goroutines) shut(c *Conn) {
	s := p.sock(c)
	s.out.Lock()
	s.out.shut = true
	writing := s.out.writing // then flush does it
	s.out.Unlock()
	if !writing {
		s.closeWrite()
	}
}

func (s *goSock) closeWrite() {
	if tcp, ok := s.conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
}

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

package engine

import (
	"io"
	"unsafe"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
)

const defaultTransport = Epoll

func newPoller(l *Loop, t Transport) (poller, error) {
	switch t {
	case Epoll:
		return newEpoll(l)
	case Goroutines:
		return newGoroutines(l), nil
	}
	return nil, errTransport(t)
}

const (
	readBufferBytes = 64 << 10
	// readsEach is how often one connection is read before the others have
	// their turn.
	readsEach = 4
)

// epoll is the poller of Linux: plain file descriptors, no goroutine and no
// buffer to a connection. System calls that cannot block are made raw, without
// the scheduler's leave.
type epoll struct {
	loop   *Loop
	fd     int
	wakeFD int
	socks  []sock // by slot
	events [1024]unix.EpollEvent
	buf    []byte
	ports  ports

	msg    unix.Msghdr
	iov    unix.Iovec
	stamps [64]byte // control messages

	listeners []*listening // by number; nil is free

	// Of the present round, from one wait to the next:
	since  clock.Time // what is read in it did not arrive before; 0 until known
	looked clock.Wall // it has all that arrived before
	behind bool       // something was left for the next one

	busy clock.Time // when something had happened last
}

// sock is a connection's socket. The slot's turn tells a socket from the next
// one in the same slot, for events that come late.
type sock struct {
	conn    *Conn
	fd      int32
	turn    uint16
	reading bool
}

// events are what the kernel is to tell of, each time anew, not for as long as
// it lasts: so it looks at a socket once for each arrival.
func (s *sock) events() uint32 {
	const always = unix.EPOLLOUT | unix.EPOLLET
	if s.reading {
		return always | unix.EPOLLIN | unix.EPOLLRDHUP
	}
	return always
}

// Marks in an event's second half, where a connection's has its slot's turn.
const (
	wakeMark   = -1
	listenMark = -2
)

func newEpoll(l *Loop) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wakeFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &epoll{loop: l, fd: fd, wakeFD: wakeFD, buf: make([]byte, readBufferBytes), ports: newPorts()}
	if err := p.control(unix.EPOLL_CTL_ADD, wakeFD, unix.EPOLLIN|unix.EPOLLET, 0, wakeMark); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *epoll) stop() {
	unix.Close(p.wakeFD)
	unix.Close(p.fd)
	for _, s := range p.listeners {
		if s != nil {
			unix.Close(s.fd)
		}
	}
}

func (p *epoll) wake() {
	one := [8]byte{1}
	unix.Write(p.wakeFD, one[:])
}

func (p *epoll) handle(e *unix.EpollEvent) {
	slot, turn := e.Fd, uint16(e.Pad)
	if !p.alive(slot, turn) {
		return
	}
	c := p.socks[slot].conn
	const gone = unix.EPOLLHUP | unix.EPOLLERR
	switch {
	case c.state == connecting:
		var err error
		if e.Events&gone != 0 {
			err = p.socketError(slot)
		}
		p.loop.connected(c, clock.Now(), err)
	case e.Events&unix.EPOLLOUT != 0:
		p.loop.writable(c)
	}
	if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|gone) == 0 || !p.alive(slot, turn) {
		return
	}
	if p.socks[slot].reading {
		p.readable(c, slot, turn, e.Events&(unix.EPOLLRDHUP|gone) != 0)
	} else if e.Events&gone != 0 {
		// Paused, and the connection is gone or half gone: what waits unread
		// is lost with it.
		p.loop.broken(c, p.socketError(slot))
	}
}

func (p *epoll) alive(slot int32, turn uint16) bool {
	return p.socks[slot].turn == turn && p.socks[slot].fd >= 0
}

func (p *epoll) socketError(slot int32) error {
	errno, err := unix.GetsockoptInt(int(p.socks[slot].fd), unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return err
	case errno != 0:
		return unix.Errno(errno)
	}
	return io.EOF
}

// readable reads until nothing is left. The kernel tells of each arrival once,
// so a connection that is not read to its end is to be told of again. hungUp
// says that the end itself has come, which no arrival will tell of.
func (p *epoll) readable(c *Conn, slot int32, turn uint16, hungUp bool) {
	for range readsEach {
		limit := c.mayRead(len(p.buf))
		if limit == 0 {
			return
		}
		n, a, errno := p.receive(p.socks[slot].fd, limit)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			p.loop.broken(c, errno)
			return
		case n == 0:
			p.loop.broken(c, io.EOF)
			return
		}
		p.loop.received(c, p.buf[:n], a)
		if !p.alive(slot, turn) || !p.socks[slot].reading {
			return
		}
		if n < limit && !hungUp {
			return
		}
	}
	s := &p.socks[slot]
	p.control(unix.EPOLL_CTL_MOD, int(s.fd), s.events(), slot, int32(turn))
	p.behind = true
}

// receive reads once, with the kernel's own receive time of the last packet
// that is part of it.
func (p *epoll) receive(fd int32, limit int) (n int, a arrival, errno unix.Errno) {
	p.iov.Base = &p.buf[0]
	p.iov.SetLen(limit)
	p.msg.Iov = &p.iov
	p.msg.SetIovlen(1)
	p.msg.Control = &p.stamps[0]
	p.msg.SetControllen(len(p.stamps))
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&p.msg)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0, arrival{}, errno
	}
	now := clock.Now()
	at := now
	if int(p.msg.Controllen) >= unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{}))) {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&p.stamps))
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS {
			ts := (*unix.Timespec)(unsafe.Pointer(&p.stamps[unix.CmsgLen(0)]))
			// A wall clock stepped between arrival and read would put the
			// arrival in the future; the read is the latest it can be.
			at = min(p.looked.Time(ts.Nano()), now)
		}
	}
	if p.since == 0 {
		p.since = at
	}
	return int(r), arrival{min(p.since, at), at, now}, 0
}

func (p *epoll) add(c *Conn, fd int) error {
	for int(c.slot) >= len(p.socks) {
		p.socks = append(p.socks, sock{fd: -1})
	}
	s := &p.socks[c.slot]
	*s = sock{conn: c, fd: int32(fd), turn: s.turn + 1, reading: !c.paused}
	if err := p.control(unix.EPOLL_CTL_ADD, fd, s.events(), c.slot, int32(s.turn)); err != nil {
		s.conn, s.fd = nil, -1
		return err
	}
	return nil
}

func (p *epoll) control(op, fd int, events uint32, data, mark int32) error {
	e := unix.EpollEvent{Events: events, Fd: data, Pad: mark}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&e)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (p *epoll) read(c *Conn, on bool) {
	if int(c.slot) >= len(p.socks) {
		return
	}
	if s := &p.socks[c.slot]; s.fd >= 0 && s.reading != on {
		s.reading = on
		p.control(unix.EPOLL_CTL_MOD, int(s.fd), s.events(), c.slot, int32(s.turn))
	}
}

func (p *epoll) write(c *Conn, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	s := &p.socks[c.slot]
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])),
		uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		n = 0
	default:
		return 0, errno
	}
	return int(n), nil
}

func (p *epoll) unread(c *Conn) int {
	if int(c.slot) >= len(p.socks) || p.socks[c.slot].fd < 0 {
		return -1
	}
	n, err := unix.IoctlGetInt(int(p.socks[c.slot].fd), unix.SIOCINQ)
	if err != nil {
		return -1
	}
	return n
}

func (p *epoll) shut(c *Conn) {
	unix.Shutdown(int(p.socks[c.slot].fd), unix.SHUT_WR)
}

func (p *epoll) close(c *Conn, reset bool) {
	if int(c.slot) >= len(p.socks) || p.socks[c.slot].fd < 0 {
		return
	}
	s := &p.socks[c.slot]
	fd := int(s.fd)
	s.conn, s.fd = nil, -1
	if reset {
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	unix.Close(fd) // leaves the epoll set by itself
}

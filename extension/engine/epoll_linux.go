package engine

import (
	"io"
	"time"
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

	arrivals arrivals
	runDelay runDelay
	busy     clock.Time // when something had happened last
	unused   int        // waits since a bound on arrivals was used
	coarse   bool       // waits last whole milliseconds
}

// sock is a connection's socket. The slot's turn tells a socket from the next
// one in the same slot, for events that come late.
type sock struct {
	conn    *Conn
	fd      int32
	turn    uint16
	reading bool
	unread  bool // it may hold what arrived before arrivals.since; see Conn.unreadSince
}

// events are the ones that the kernel reports, each time anew, not for as long as they last. So
// it looks at a socket once for each arrival.
func (s *sock) events() uint32 {
	const always = unix.EPOLLOUT | unix.EPOLLET
	if s.reading {
		return always | unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLPRI
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
	err = p.control(unix.EPOLL_CTL_ADD, wakeFD, unix.EPOLLIN|unix.EPOLLET, 0, wakeMark)
	if err == nil {
		_, err = p.ask(p.events[:])
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *epoll) stop() {
	p.runDelay.stop()
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
	const (
		gone = unix.EPOLLHUP | unix.EPOLLERR
		read = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | gone
	)
	if c.state == connecting {
		var err error
		if e.Events&gone != 0 {
			err = p.socketError(slot)
		}
		p.loop.connected(c, clock.Now(), err)
		if !p.alive(slot, turn) {
			return
		}
	}
	// Before anything is written: where that fails, the peer may have said why.
	switch {
	case e.Events&read == 0:
	case p.socks[slot].reading:
		p.readable(c, slot, turn, e.Events)
	case e.Events&gone != 0:
		// Paused, and the connection is gone or half gone: what waits unread
		// is lost with it.
		p.loop.broken(c, p.socketError(slot))
	}
	if e.Events&unix.EPOLLOUT != 0 && p.alive(slot, turn) {
		p.loop.writable(c)
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

// readable reads until nothing is left. The kernel reports each arrival once, so a connection
// that is not read to its end must be asked for again. A short read shows that nothing is left,
// with two exceptions. No arrival reports the connection's own end, and every read ends before
// urgent data (tcp(7), MSG_OOB).
func (p *epoll) readable(c *Conn, slot int32, turn uint16, events uint32) {
	toTheEnd, urgent := events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0, events&unix.EPOLLPRI != 0
	since := p.arrivals.since
	if p.socks[slot].unread {
		since = c.unreadSince
	}
	for range readsEach {
		limit := c.mayRead(len(p.buf))
		if limit == 0 {
			return
		}
		n, stamp, errno := p.receive(p.socks[slot].fd, limit)
		switch {
		case errno == unix.EAGAIN:
			p.socks[slot].unread = false
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
		a, exact := p.arrivals.of(stamp, since, clock.Now())
		drained := n < limit && !toTheEnd
		if drained {
			p.socks[slot].unread = false
		}
		p.loop.received(c, p.buf[:n], !exact || n == limit || urgent, a)
		if drained || !p.alive(slot, turn) || !p.socks[slot].reading {
			return
		}
	}
	p.leaveUnread(c)
	p.arm(c)
}

// receive reads once, with the kernel's own receive time of the last packet
// that is part of it, in nanoseconds since the Unix epoch; 0 for none.
func (p *epoll) receive(fd int32, limit int) (n int, stamp int64, errno unix.Errno) {
	p.iov.Base = &p.buf[0]
	p.iov.SetLen(limit)
	p.msg.Iov = &p.iov
	p.msg.SetIovlen(1)
	p.msg.Control = &p.stamps[0]
	p.msg.SetControllen(len(p.stamps))
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&p.msg)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0, 0, errno
	}
	if int(p.msg.Controllen) >= unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{}))) {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&p.stamps))
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS {
			stamp = (*unix.Timespec)(unsafe.Pointer(&p.stamps[unix.CmsgLen(0)])).Nano()
		}
	}
	return int(r), stamp, 0
}

// leaveUnread notes that a connection's socket may not be read to its end
// before the next look.
func (p *epoll) leaveUnread(c *Conn) {
	if s := &p.socks[c.slot]; !s.unread {
		s.unread = true
		c.unreadSince = p.arrivals.since
	}
}

// arm has the kernel report the bytes that c's socket holds already.
func (p *epoll) arm(c *Conn) {
	s := &p.socks[c.slot]
	p.control(unix.EPOLL_CTL_MOD, int(s.fd), s.events(), c.slot, int32(s.turn))
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
		p.leaveUnread(c)
		p.arm(c)
	}
}

func (p *epoll) write(c *Conn, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	s := &p.socks[c.slot]
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])),
			uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR: // no word on room, and none will follow
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, errno
		}
	}
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

func (p *epoll) settled(c *Conn) clock.Time {
	// A peer that sends faster than it is read must not put off all timeouts for ever.
	const longest = time.Second
	settled := p.loop.settled
	if int(c.slot) < len(p.socks) && p.socks[c.slot].reading && p.socks[c.slot].unread {
		return max(min(settled, c.unreadSince), settled.Add(-longest))
	}
	return settled
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

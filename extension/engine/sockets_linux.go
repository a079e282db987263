package engine

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
)

func (p *epoll) connect(c *Conn, to target) error {
	family := unix.AF_INET
	if to.to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	if err := p.begin(fd, to); err != nil {
		unix.Close(fd)
		return err
	}
	if err := p.add(c, fd); err != nil {
		unix.Close(fd)
		return err
	}
	return nil
}

// begin sets fd up and starts its connection.
func (p *epoll) begin(fd int, to target) error {
	if to.receiveBuffer > 0 { // before connect: it decides the window scale
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, to.receiveBuffer); err != nil {
			return err
		}
	}
	if to.from.IsValid() {
		// The port is chosen at connect, for the whole four-tuple: a port may
		// serve several destinations.
		if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return err
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(to.from, 0))); err != nil {
			return &sourceError{to.from, err}
		}
	}
	setStreamOptions(fd)
	p.ports.narrow(fd)
	err := unix.Connect(fd, sockaddr(to.to))
	if err == unix.EADDRNOTAVAIL && p.ports.widen(fd) {
		err = unix.Connect(fd, sockaddr(to.to))
	}
	if err != unix.EINPROGRESS {
		return err
	}
	return nil
}

// setStreamOptions asks for small messages at once and for receive times.
// Either is refused by no kernel that has epoll.
func setStreamOptions(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	sa := &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	if zone := a.Addr().Zone(); zone != "" {
		sa.ZoneId = zoneIndex(zone)
	}
	return sa
}

type listening struct {
	*Listener
	fd    int
	again *Timer
}

func (p *epoll) listen(s *Listener) error {
	family := unix.AF_INET
	if s.addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	number := len(p.listeners)
	err = func() error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		if s.shared { // loops accept from one port, each by a socket of its own
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
				return err
			}
		}
		if err := unix.Bind(fd, sockaddr(s.addr)); err != nil {
			return err
		}
		if err := unix.Listen(fd, listenBacklog); err != nil {
			return err
		}
		local, err := unix.Getsockname(fd)
		if err != nil {
			return err
		}
		s.addr = netip.AddrPortFrom(s.addr.Addr(), portOf(local))
		return p.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN, int32(number), listenMark)
	}()
	if err != nil {
		unix.Close(fd)
		return err
	}
	p.listeners = append(p.listeners, &listening{s, fd, p.loop.NewTimer(func(clock.Time) {
		p.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN, int32(number), listenMark)
	})})
	return nil
}

func portOf(sa unix.Sockaddr) uint16 {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port)
	case *unix.SockaddrInet6:
		return uint16(sa.Port)
	}
	return 0
}

func (p *epoll) unlisten(s *Listener) {
	for i, l := range p.listeners {
		if l != nil && l.Listener == s {
			l.again.Stop()
			unix.Close(l.fd)
			p.listeners[i] = nil
		}
	}
}

// accept takes some of the connections that wait; more come with the next
// event.
func (p *epoll) accept(s *listening) {
	const acceptsEach = 64
	for range acceptsEach {
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(s.fd), 0, 0,
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
		case unix.EMFILE, unix.ENFILE:
			// Others may close. Until then the kernel would report the waiting ones at each look.
			const rest = 10 * time.Millisecond
			p.control(unix.EPOLL_CTL_MOD, s.fd, 0, 0, listenMark)
			s.again.Set(until(rest))
			return
		default:
			return
		}
		setStreamOptions(int(fd))
		c := p.loop.accepted(s.Listener)
		if err := p.add(c, int(fd)); err != nil {
			unix.Close(int(fd))
			c.fail(errnoReason(err), err)
			continue
		}
		p.leaveUnread(c)
		c.unreadSince = 0 // it may have waited in the backlog
	}
}

package engine

import (
	"net"

	"golang.org/x/sys/unix"
)

// shrinkBacklog makes l hold one connection that is not accepted yet.
func shrinkBacklog(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	if err := raw.Control(func(fd uintptr) { listenErr = unix.Listen(int(fd), 0) }); err != nil {
		return err
	}
	return listenErr
}

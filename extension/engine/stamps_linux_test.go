package engine

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// awaitStamps waits until packets are stamped: the kernel begins with that some
// time after the first socket of the machine wants it, and goes on until the end
// of the test.
func awaitStamps(t *testing.T) {
	t.Helper()
	l, err := newLoop(&Options{Transport: Epoll})
	if err != nil {
		t.Fatal(err)
	}
	defer l.poll.stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	setStreamOptions(fd)
	if err := unix.Connect(fd, sockaddr(listener.Addr().(*net.TCPAddr).AddrPort())); err != nil {
		t.Fatal(err)
	}
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	for deadline := time.Now().Add(patience); ; {
		peer.Write([]byte("x"))
		n, stamp, errno := l.poll.(*epoll).receive(int32(fd), 1)
		if n > 0 && stamp != 0 {
			return
		}
		if errno != 0 && errno != unix.EAGAIN || time.Now().After(deadline) {
			t.Fatalf("no packet is stamped: %v", errno)
		}
	}
}

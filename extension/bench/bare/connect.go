//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine"
)

// upgradeRequest has a key of its own for nobody: no server may care.
const upgradeRequest = "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

type connectFigures struct {
	Opened      int     `json:"opened"`
	ReachedInMs float64 `json:"reachedInMs"`
}

// connect opens connections, one after the other on each thread, and holds
// them until all are open.
func connect(address string, connections, threads int) (*connectFigures, error) {
	began := time.Now()
	_, err := dialAll(address, connections, threads)
	if err != nil {
		return nil, err
	}
	return &connectFigures{connections, float64(time.Since(began)) / 1e6}, nil
}

// dialAll returns the open connections' descriptors, by number.
func dialAll(address string, connections, threads int) ([]int, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Is4() || !to.Addr().IsLoopback() {
		return nil, fmt.Errorf("expected an address and port of 127.0.0.0/8, got %q", address)
	}
	engine.ReserveDescriptors(connections + 64)
	server := &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	request := fmt.Appendf(nil, upgradeRequest, address)
	fds := make([]int, connections)
	errs := make([]error, threads)
	var all sync.WaitGroup
	for thread := range threads {
		all.Go(func() {
			for i := thread; i < connections && errs[thread] == nil; i += threads {
				fds[i], errs[thread] = dial(server, request)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return fds, nil
}

func dial(server unix.Sockaddr, request []byte) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, server); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		return 0, fmt.Errorf("write the request: %w", err)
	}
	var answer [512]byte
	for n := 0; ; {
		m, err := unix.Read(fd, answer[n:])
		if err != nil || m == 0 {
			return 0, fmt.Errorf("read the answer: %d bytes, %w", m, err)
		}
		if n += m; bytes.HasSuffix(answer[:n], []byte("\r\n\r\n")) {
			if !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 101 ")) {
				return 0, fmt.Errorf("expected a 101, got %q", answer[:n])
			}
			return fd, nil
		}
	}
}

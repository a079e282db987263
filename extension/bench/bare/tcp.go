//go:build linux

package main

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine"
)

// tcp connects to itself and accepts, two threads for each, and sends nothing:
// no client and server on one machine open WebSocket connections faster.
func tcp(connections int) (*connectFigures, error) {
	const threads = 2
	connections -= connections % threads
	engine.ReserveDescriptors(2*connections + 64)
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(listener, connections); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server, err := unix.Getsockname(listener)
	if err != nil {
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	began := time.Now()
	errs := make(chan error, 2*threads)
	var all sync.WaitGroup
	each := func(what string, do func() error) {
		all.Go(func() {
			for range connections / threads {
				if err := do(); err != nil {
					errs <- fmt.Errorf("%s: %w", what, err)
					unix.Shutdown(listener, unix.SHUT_RD) // nobody waits for what does not come
					return
				}
			}
		})
	}
	for range threads {
		each("accept", func() error {
			_, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
			return err
		})
		each("connect", func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			return unix.Connect(fd, server)
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
		return &connectFigures{connections, float64(time.Since(began)) / 1e6}, nil
	}
}

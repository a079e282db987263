//go:build unix

package echobench

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
)

const (
	// yardstickCount is how many round trips a yardstick takes.
	yardstickCount = 1_000
	// yardstickBytes bounds what is written at once: more would take too long.
	yardstickBytes = 4 << 10
)

// Yardstick is the median round trip of a bare loop. One thread writes and reads so many bytes,
// from 1 to 4 KiB, at both ends of a TCP connection of the loopback address. No other thread is
// to be woken, so it tells how fast the machine's processor and its TCP are at the moment, and
// nothing else.
func Yardstick(bytes int) (time.Duration, error) {
	near, far, err := loopback()
	if err != nil {
		return 0, fmt.Errorf("yardstick: %w", err)
	}
	defer unix.Close(near)
	defer unix.Close(far)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := make([]byte, min(max(bytes, 1), yardstickBytes))
	times := make([]time.Duration, yardstickCount)
	for i := range times {
		began := clock.Now()
		for _, way := range [...][2]int{{near, far}, {far, near}} {
			if err := errors.Join(whole(b, way[0], unix.Write), whole(b, way[1], unix.Read)); err != nil {
				return 0, fmt.Errorf("yardstick: %w", err)
			}
		}
		times[i] = clock.Now().Sub(began)
	}
	slices.Sort(times)
	return at(times, 0.5), nil
}

// whole reads or writes all of b.
func whole(b []byte, fd int, move func(int, []byte) (int, error)) error {
	for len(b) > 0 {
		n, err := move(fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return unix.ECONNRESET
		default:
			b = b[n:]
		}
	}
	return nil
}

// loopback is a TCP connection of this process with itself, in blocking mode.
func loopback() (near, far int, err error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	if err := unix.Listen(listener, 1); err != nil {
		return 0, 0, err
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		return 0, 0, err
	}
	if near, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
		return 0, 0, err
	}
	if err = unix.Connect(near, address); err == nil {
		far, _, err = unix.Accept(listener)
	}
	if err != nil {
		unix.Close(near)
		return 0, 0, err
	}
	for _, fd := range []int{near, far} {
		unix.CloseOnExec(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			unix.Close(near)
			unix.Close(far)
			return 0, 0, err
		}
	}
	return near, far, nil
}

//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/frame"
)

type readLoad struct {
	connections, rooms, perSecond, seconds, payloadBytes int
}

type readFigures struct {
	Publications int     `json:"publications"`
	Bytes        int64   `json:"bytes"`
	ElapsedMs    float64 `json:"elapsedMs"` // first publication to last read
}

// quiet is how long nothing must come, after the last publication, for all to
// have come.
const quiet = time.Second

// read subscribes connections to rooms, publishes into these on connections of
// its own, one for each room, and reads what comes, without looking at it.
func read(address string, load readLoad) (*readFigures, error) {
	fds, err := dialAll(address, load.connections+load.rooms, 2)
	if err != nil {
		return nil, err
	}
	subscribers, publishers := fds[:load.connections], fds[load.connections:]
	events, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	buf := make([]byte, 64<<10)
	for i, fd := range subscribers {
		if err := write(fd, fmt.Appendf(nil, `{"type":"subscribe","room":"room-%d"}`, i%load.rooms)); err != nil {
			return nil, err
		}
		if _, err := unix.Read(fd, buf); err != nil {
			return nil, fmt.Errorf("read the confirmation: %w", err)
		}
		e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(events, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
			return nil, fmt.Errorf("epoll_ctl: %w", err)
		}
	}

	published := make(chan error, 1)
	total := load.perSecond * load.seconds
	began := time.Now()
	go func() { published <- publishAll(publishers, load, began) }()

	figures := readFigures{Publications: total}
	ready := make([]unix.EpollEvent, 256)
	for last, done := began, false; !done || time.Since(last) < quiet; {
		n, err := unix.EpollWait(events, ready, 100)
		if err != nil && err != unix.EINTR {
			return nil, fmt.Errorf("epoll_wait: %w", err)
		}
		for _, e := range ready[:max(n, 0)] {
			n, err := unix.Read(int(e.Fd), buf)
			if n <= 0 {
				return nil, errors.Join(errors.New("a connection ended"), err)
			}
			figures.Bytes += int64(n)
		}
		if n > 0 {
			last = time.Now()
			figures.ElapsedMs = float64(last.Sub(began)) / 1e6
		}
		select {
		case err := <-published:
			if err != nil {
				return nil, err
			}
			done = true
		default:
		}
	}
	return &figures, nil
}

// publishAll keeps to the due times, whatever the readers do.
func publishAll(publishers []int, load readLoad, began time.Time) error {
	payload := strings.Repeat("x", load.payloadBytes)
	for i := range load.perSecond * load.seconds {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(load.perSecond))))
		room := i % load.rooms
		text := fmt.Appendf(nil, `{"type":"publish","room":"room-%d","id":"bare.%d.%d","seq":%d,"payload":%q}`, room, room, i/load.rooms, i/load.rooms, payload)
		if err := write(publishers[room], text); err != nil {
			return err
		}
	}
	return nil
}

func write(fd int, text []byte) error {
	if _, err := unix.Write(fd, frame.AppendMasked(nil, frame.Text, [4]byte{1, 2, 3, 4}, text)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

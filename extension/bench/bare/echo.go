//go:build linux

package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

type echoFigures struct {
	MedianUs float64 `json:"medianUs"` // to the kernel's stamp of the last packet
	ReadUs   float64 `json:"readUs"`   // median until the read had returned
}

// echo writes a message and reads its echo, so many times, and does nothing
// else.
func echo(address string, count, payloadBytes int) (*echoFigures, error) {
	runtime.LockOSThread()
	fds, err := dialAll(address, 1, 1)
	if err != nil {
		return nil, err
	}
	fd := fds[0]
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return nil, fmt.Errorf("SO_TIMESTAMPNS: %w", err)
	}
	payload := make([]byte, payloadBytes)
	message := frame.AppendMasked(nil, frame.Binary, [4]byte{1, 2, 3, 4}, payload)
	answerBytes := len(frame.Append(nil, frame.Binary, payload))
	buf, control := make([]byte, 64<<10), make([]byte, 64)
	arrived, read := make([]int64, count), make([]int64, count)
	for i := range count {
		wall := clock.ReadWall()
		written := clock.Now()
		if _, err := unix.Write(fd, message); err != nil {
			return nil, fmt.Errorf("write: %w", err)
		}
		for got := 0; got < answerBytes; {
			n, controlBytes, _, _, err := unix.Recvmsg(fd, buf, control, 0)
			if err != nil || n == 0 {
				return nil, fmt.Errorf("read %d bytes: %w", n, err)
			}
			got += n
			read[i] = int64(clock.Now().Sub(written))
			arrived[i] = int64(wall.Time(stampOf(control[:controlBytes])).Sub(written))
		}
	}
	unix.Close(fd)
	return &echoFigures{medianUs(arrived), medianUs(read)}, nil
}

// stampOf is when the kernel received what came with these control messages, in
// nanoseconds since 1970.
func stampOf(control []byte) int64 {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 || messages[0].Header.Type != unix.SCM_TIMESTAMPNS {
		return 0
	}
	return (*unix.Timespec)(unsafe.Pointer(&messages[0].Data[0])).Nano()
}

func medianUs(ns []int64) float64 {
	slices.Sort(ns)
	return float64(ns[len(ns)/2]) / float64(time.Microsecond)
}

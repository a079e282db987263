package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

func errTransport(t Transport) error {
	return fmt.Errorf("transport %q: want %q (on Linux) or %q", t, Epoll, Goroutines)
}

func zoneIndex(zone string) uint32 {
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index)
	}
	return 0
}

// errnoReason puts what the kernel said on the list.
func errnoReason(err error) Reason {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		for _, r := range errnoReasons {
			if errno == r.errno {
				return r.reason
			}
		}
	}
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonClosed
	case errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeoutTCP
	}
	return ReasonOther
}

// lookUpReason is why a host was not looked up. A resolver that had no
// descriptor left says that in words only.
func lookUpReason(err error) Reason {
	for _, own := range errnoReasons {
		if own.reason.IsOurs() && (errors.Is(err, own.errno) || strings.Contains(err.Error(), own.errno.Error())) {
			return own.reason
		}
	}
	return ReasonDNS
}

// sourceError is a source address that cannot be used. It hides what the
// kernel calls it, which is the same as for "no port left".
type sourceError struct {
	addr netip.Addr
	err  error
}

func (e *sourceError) Error() string {
	return fmt.Sprintf("source address %s: want an address of this machine: %v", e.addr, e.err)
}

type errnoEntry struct {
	errno  syscall.Errno
	reason Reason
}

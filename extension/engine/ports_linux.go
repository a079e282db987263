package engine

import (
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// ports narrows the kernel's search for a local port. Left alone, connect tries one port after
// the other, first the even then the odd ones. Beyond some 14,000 connections to one server, each
// takes thousands of tries, and most of the time goes into them. A window of a few ports that
// moves on with each connection finds a free one at once.
type ports struct {
	low, high int // the system's ephemeral ports; 0 where windows cannot be used
	next      int
}

const portWindow = 16

func newPorts() ports {
	low, high, ok := EphemeralPorts()
	if !ok || high-low < portWindow {
		return ports{}
	}
	p := ports{low: low, high: high}
	// Other loops and processes should not search in the same place.
	p.next = p.low + rand.IntN(p.high-p.low)
	return p
}

// narrow sets the window for one socket.
func (p *ports) narrow(fd int) {
	if p.low == 0 {
		return
	}
	last := min(p.next+portWindow-1, p.high)
	err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_LOCAL_PORT_RANGE, last<<16|p.next)
	if err != nil { // before Linux 6.3
		p.low = 0
		return
	}
	if p.next++; p.next > p.high {
		p.next = p.low
	}
}

// widen gives the socket the whole range again, after a window without a free
// port. It tells whether that is a change.
func (p *ports) widen(fd int) bool {
	return p.low != 0 && unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_LOCAL_PORT_RANGE, 0) == nil
}

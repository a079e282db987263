package engine

import (
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/wire"
)

// arrivals bounds when the bytes that a loop reads reached the kernel. The
// kernel stamps a read with the arrival of its last packet only; a lower bound
// for the others follows from what the loop read before. A look asks the kernel
// which sockets have something to read. Whatever had arrived before a look is
// told by it, and is read before the next look.
//
// Invariant: what is unread arrived at since or later. A socket that is not
// read to its end is the exception; its connection keeps its own bound (see
// Conn.unreadSince).
type arrivals struct {
	since clock.Time
	wall  clock.Wall // read right before the last look, for the kernel's stamps

	// For looks with less room than the kernel had reports: untold is how many
	// sockets it may still have to report, from the look at mark on.
	mark   clock.Time
	untold int
}

// look begins a look: the kernel is to be asked right after.
func (a *arrivals) look() { a.wall = a.wall.Again() }

// handled ends a round: the sockets of the last look are read. The look reported
// told sockets and had room for room; there may be sockets of them.
//
// The kernel reports sockets in the order in which they became readable, and
// each once at a time. So after full looks at as many sockets as there are, none
// is left that was readable at the first look.
func (a *arrivals) handled(told, room, sockets int) {
	if told < room {
		a.since, a.untold = a.wall.Read, 0
		return
	}
	if a.untold > 0 {
		if a.untold -= told; a.untold > 0 {
			return
		}
		a.since = a.mark
	}
	a.mark, a.untold = a.wall.Read, sockets-told
	if a.untold <= 0 {
		a.since, a.untold = a.mark, 0
	}
}

// woken says that a wait for the first arrival, begun when nothing was unread,
// lasted at least until at.
func (a *arrivals) woken(at clock.Time) { a.since = max(a.since, at) }

// of is the arrival of bytes that were read just now from a socket where
// nothing had been left unread at since. The kernel's stamp is in nanoseconds
// since the Unix epoch, 0 for none. If the last packet is known to have arrived
// at the result's At, exact is true.
func (a *arrivals) of(stamp int64, since, now clock.Time) (_ wire.Arrival, exact bool) {
	if stamp == 0 {
		return wire.Arrival{Since: since, At: now, Read: now}, false
	}
	at := a.wall.Time(stamp)
	switch {
	case at > now: // the wall clock was set back meanwhile
		return wire.Arrival{Since: since, At: now, Read: now}, false
	case at < since.Add(-CertainWithin):
		// The wall clock was set forward, or a packet overtook an earlier one that
		// had to be sent again: its stamp is from before the bytes could be read.
		return wire.Arrival{Since: at, At: now, Read: now}, false
	}
	// A packet reaches its socket a little after its stamp.
	return wire.Arrival{Since: min(since, at), At: at, Read: now}, true
}

// CertainWithin is how well an arrival is to be known: one that is bound less well
// counts as uncertain.
const CertainWithin = time.Millisecond

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

	// Of looks that the kernel had more to tell than they have room for: from
	// the look at mark on, so many sockets may still have to be told of.
	mark   clock.Time
	untold int
}

// look begins a look: the kernel is to be asked right after.
func (a *arrivals) look() { a.wall = a.wall.Again() }

// handled ends a round: what the last look told of is read. told is of how many
// sockets that was, room of how many it could be, sockets how many there may be.
//
// The kernel tells of sockets in the order in which they became readable, and
// of each once at a time. So after full looks at as many as there are, none is
// left of those that were readable at the first.
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
// nothing had been left unread at since. stamp is the kernel's, in nanoseconds
// since the Unix epoch, 0 for none. exact tells whether at is known to be when
// the last packet arrived.
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

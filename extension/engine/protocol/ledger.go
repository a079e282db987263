package protocol

import (
	"bytes"
	"hash/maphash"

	"xk6-realtime/engine/clock"
)

// Probe is one probe and what became of it. Replies are numbered as the
// descriptor lists them; sets of them are bits.
type Probe struct {
	ID       []byte
	Due      clock.Time // response time counts from here
	Sent     clock.Time // service time counts from here; 0 until it was written
	deadline clock.Time // from here on a reply is late
	message  uint64     // hash of what was sent, for replies that are the message
	answered uint16     // replies that came, in time or late
	taken    uint16     // replies whose turn, or whose message, was taken
	state    probeState
}

type probeState uint8

const (
	probeOpen probeState = iota
	probeAnswered
	probeTimedOut
	probeFailed
	probeLost
)

// ledger holds the probes of one connection, the oldest first. Each reply of each probe ends in
// exactly one way: it came in time, it timed out, an error took its place, or the connection was
// lost. A settled probe stays known, so that a repeated or late reply is told apart from one that
// nobody asked for. It is forgotten when kept or more are known and a probe is made that is due
// one reply timeout after its deadline. A probe that timed out and still has its turn is kept
// longer; of more than mostKept, the oldest goes.
type ledger struct {
	ring  []Probe // a power of two of them
	first uint64  // number of the oldest probe that is known
	end   uint64  // number of the next one
	// settled is a number below which no probe is open.
	settled uint64
	open    int
	// nearest is no later than the deadline of any open probe; 0 without one.
	nearest clock.Time
	turns   uint16 // the replies that are matched by their turn
}

const (
	kept     = 64   // how many probes stay known at least
	mostKept = 4096 // how many do at most, but for open ones
)

var hashSeed = maphash.MakeSeed()

func hash(message []byte) uint64 { return maphash.Bytes(hashSeed, message) }

func (l *ledger) at(number uint64) *Probe { return &l.ring[number&uint64(len(l.ring)-1)] }

// add makes a probe. Its memory is that of one long forgotten, if there is one.
func (l *ledger) add(id []byte, due, deadline clock.Time, message []byte) {
	for l.forgettable(due) {
		l.first++
	}
	if int(l.end-l.first) == len(l.ring) {
		l.grow(len(id) + idRoom)
	}
	p := l.at(l.end)
	*p = Probe{ID: append(p.ID[:0], id...), Due: due, deadline: deadline, message: hash(message)}
	l.end++
	l.open++
	if l.nearest == 0 || deadline < l.nearest {
		l.nearest = deadline
	}
}

// idRoom is by how many characters later IDs may be longer than the one that the
// ring grew for: they end with a number that counts up. Longer ones get memory of
// their own.
const idRoom = 3

// grow doubles the ring. Its IDs share one piece of memory: with one each, they
// would be most of the objects on the heap, and most of the collector's work.
func (l *ledger) grow(idBytes int) {
	grown := make([]Probe, max(4, 2*len(l.ring)))
	ids := make([]byte, len(grown)*idBytes)
	for i := range grown {
		grown[i].ID = ids[i*idBytes : i*idBytes : (i+1)*idBytes]
	}
	for n := l.first; n < l.end; n++ {
		from, to := l.at(n), &grown[n&uint64(len(grown)-1)]
		id := append(to.ID, from.ID...)
		*to = *from
		to.ID = id
	}
	l.ring = grown
}

// forgettable tells whether the oldest probe may be forgotten when one is made
// that is due at an instant.
func (l *ledger) forgettable(due clock.Time) bool {
	known := l.end - l.first
	if known < kept {
		return false
	}
	switch p := l.at(l.first); {
	case p.state == probeOpen:
		return false
	case known >= mostKept:
		return true
	case p.state == probeTimedOut && l.turns&^p.taken != 0:
		return false
	default:
		return p.deadline.Add(p.deadline.Sub(p.Due)) <= due
	}
}

// byID is the probe of that name, nil for none.
func (l *ledger) byID(id []byte) *Probe {
	for n := l.end; n > l.first; n-- {
		if p := l.at(n - 1); bytes.Equal(p.ID, id) {
			return p
		}
	}
	return nil
}

// takeTurn takes the probe whose turn it is for a reply. One that timed out
// keeps its turn: the nth reply answers the nth probe.
func (l *ledger) takeTurn(reply int) *Probe {
	bit := uint16(1) << reply
	for n := l.first; n < l.end; n++ {
		if p := l.at(n); p.taken&bit == 0 && p.state != probeFailed {
			p.taken |= bit
			return p
		}
	}
	return nil
}

// takeMessage takes the oldest probe that sent this very message.
func (l *ledger) takeMessage(reply int, message []byte) *Probe {
	if l.end == l.first {
		return nil
	}
	bit, sum := uint16(1)<<reply, hash(message)
	for n := l.first; n < l.end; n++ {
		if p := l.at(n); p.taken&bit == 0 && p.message == sum {
			p.taken |= bit
			return p
		}
	}
	return nil
}

// oldest is the oldest probe that has had no reply at all, timed out or not.
func (l *ledger) oldest() *Probe {
	for n := l.first; n < l.end; n++ {
		if p := l.at(n); p.answered == 0 && p.state != probeFailed {
			return p
		}
	}
	return nil
}

// answer notes a reply, of all that a probe expects, and says what it was.
func (l *ledger) answer(reply int, p *Probe, all uint16) (o Outcome, last bool) {
	bit := uint16(1) << reply
	if p.answered&bit != 0 {
		return Duplicate, false
	}
	p.answered |= bit
	switch {
	case p.state == probeFailed:
		return moot, false
	case p.state != probeOpen:
		return Late, false
	case p.answered == all:
		l.settle(p, probeAnswered)
		return InTime, true
	}
	return InTime, false
}

// fail notes that an error took the place of what the probe still waits for.
// It tells whether it was open.
func (l *ledger) fail(p *Probe) bool {
	switch p.state {
	case probeOpen:
		l.settle(p, probeFailed)
		return true
	case probeTimedOut:
		p.state = probeFailed
	}
	return false
}

func (l *ledger) settle(p *Probe, s probeState) {
	p.state = s
	l.open--
	if p.deadline == l.nearest {
		l.findNearest()
	}
}

func (l *ledger) findNearest() {
	l.nearest = 0
	if p := l.nextToExpire(); p != nil {
		l.nearest = p.deadline
	}
}

// nextToExpire is the open probe with the nearest deadline, nil for none.
func (l *ledger) nextToExpire() (next *Probe) {
	l.settled = max(l.settled, l.first)
	for l.settled < l.end && l.at(l.settled).state != probeOpen {
		l.settled++
	}
	left := l.open
	for n := l.settled; n < l.end && left > 0; n++ {
		if p := l.at(n); p.state == probeOpen {
			left--
			if next == nil || p.deadline < next.deadline {
				next = p
			}
		}
	}
	return next
}

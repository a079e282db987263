package fanout

import (
	"hash/maphash"
	"time"

	"xk6-realtime/engine/ledger"
	"xk6-realtime/engine/protocol"
)

// If nobody publishes here, the subscribers of a room are compared: a publication that two of
// them hear is due to all who were there.

const (
	// identifiers is about how many of a shard are remembered, of all its rooms;
	// each takes some 100 bytes once it is used.
	identifiers = 1 << 19
	// leastIdentifiers are of one room.
	leastIdentifiers = 1 << 5
	// joinedAfter is how long after its session is ready a subscriber counts as there: earlier
	// publications may come after.
	joinedAfter = 100 * time.Millisecond
)

var keySeed = maphash.MakeSeed()

// listens tells whether nobody publishes here.
func (r *Run) listens() bool { return r.o.Plan.Publishers == 0 }

// compares tells whether subscribers can be compared: by the identifiers of
// deliveries, if they have any.
func (r *Run) compares() bool { return r.listens() && r.o.Plan.Subscribers > r.o.Plan.Rooms }

// newListeningRoom makes the ledger's of one of so many rooms.
func newListeningRoom(of int) *ledger.Room {
	room := ledger.NewRoom(1, max(identifiers/of, leastIdentifiers))
	room.Listen()
	return room
}

// overheard takes a delivery that was published elsewhere.
func (m *member) overheard(d *protocol.Delivery) {
	l, r := m.loop, m.loop.records.Now
	// Deliveries that come at once may be history, whose age is not lag.
	early := !m.conversation.Ready() || d.At < m.joinedAt
	if d.ID != nil && l.run.compares() {
		m.credit()
		h := l.ears[l.run.indexOf(m.room)].Deliver(&m.subscription, maphash.Bytes(keySeed, d.ID), d.At)
		r.InTime += h.Credited
		switch {
		case h.Duplicate:
			r.Duplicated++
			return
		case h.Forgotten:
			r.Undecided++
			return
		case h.Early:
			early = true
		case h.Unshared, !h.Due:
		case d.Since.Sub(h.First) <= l.run.o.Timeout:
			r.InTime++
		default:
			r.Late++
		}
	}
	r.Deliveries++
	if !l.run.o.Protocol.DeliveryHasSentAt() {
		return
	}
	if early {
		r.Joining++
		return
	}
	switch lag, of, ok := m.serverLag(d, 0); {
	case ok:
		l.stamped(lag, of)
	case !d.HasSentAt:
		r.Unstamped++
	}
}

// credit counts the publications that the subscriber was the first to hear.
func (m *member) credit() { m.loop.records.Now.InTime += m.subscription.Credit() }

// leaveAll ends the dues of the subscribers that are compared: later publications are not due to
// them.
func (r *Run) leaveAll() {
	for _, l := range r.loops {
		l.loop.Await(func() {
			for _, m := range l.members {
				m.credit()
				m.subscription.Leave()
			}
		})
	}
}

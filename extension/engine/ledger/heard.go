package ledger

import (
	"sync/atomic"
	"time"

	"xk6-realtime/engine/clock"
)

// A server that publishes by itself numbers nothing here. Its publications are
// numbered from what subscribers hear, once a second one hears the same
// identifier: what only one hears may be for it alone, and is due to nobody.

// heard is the publications that a room has heard, guarded by the room's lock.
type heard struct {
	// entries are by identifier, the last as many as the stream remembers.
	entries map[uint64]entry
	order   []uint64 // their keys, as they were first heard; a ring once it is full
	oldest  int
	all     uint64 // that were ever heard
	// turns are the numbers by which publications were first heard, by sequence
	// modulo their own: they are numbered in the order in which a second
	// subscriber hears them. Any loop reads them.
	turns []atomic.Uint64
	// shared is how many were heard by a second subscriber, and alone how many
	// were forgotten before.
	shared, alone uint64
	// apart is set for good once it is plain that each subscriber hears its own.
	apart atomic.Bool
	// since is when the entries came, at the earliest, that must not be forgotten
	// yet, and forgotten how many were all the same.
	since     clock.Time
	forgotten int64
}

// entry is one identifier.
type entry struct {
	first    *credit // who heard it first, nil once a second one has
	at       clock.Time
	turn     uint64
	sequence uint64
}

// credit is publications that a stay was the first to hear, before they had a number.
type credit struct {
	waiting   atomic.Bool
	sequences []uint64 // guarded by the room's lock
}

const (
	// Of so many identifiers that one subscriber heard alone, one in oneShared
	// would have been shared if subscribers were to hear the same.
	enoughToTell = 4096
	oneShared    = 100
)

// Listen makes a room, which must have one stream, one whose server publishes
// by itself. Before the first subscription.
func (r *Room) Listen() {
	r.heard = &heard{entries: map[uint64]entry{}, turns: make([]atomic.Uint64, r.streams[0].remembers())}
}

func (h *heard) turn(sequence uint64) *atomic.Uint64 {
	return &h.turns[sequence&uint64(len(h.turns)-1)]
}

// Forgotten is how many identifiers, since it was asked last, were forgotten
// less than a while after they came: too many come. It is to be asked now and
// then.
func (r *Room) Forgotten(now clock.Time, while time.Duration) (identifiers int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard.since = now.Add(-while)
	identifiers, r.heard.forgotten = r.heard.forgotten, 0
	return identifiers
}

// hearing is the kind of an identifier for its hearer.
type hearing uint8

const (
	unshared hearing = iota // nobody else has heard it so far
	repeated                // and the same one has before
	numbered
)

// hear numbers an identifier once a second subscriber hears it.
func (r *Room) hear(key uint64, by *credit, at clock.Time) (sequence uint64, h hearing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, known := r.heard.entries[key]
	switch {
	case !known:
		r.heard.add(key, entry{first: by, at: at}, r.streams[0].remembers())
		return 0, unshared
	case e.first == by:
		return 0, repeated
	case e.first != nil:
		// Its turn first: who hears of the number must be able to look it up.
		r.heard.turn(r.streams[0].Published()).Store(e.turn)
		e.sequence = r.streams[0].publish(e.at)
		e.first.sequences = append(e.first.sequences, e.sequence)
		e.first.waiting.Store(true)
		e.first = nil
		r.heard.entries[key] = e
		r.heard.shared++
	}
	return e.sequence, numbered
}

func (h *heard) add(key uint64, e entry, most uint64) {
	e.turn = h.all
	h.all++
	if uint64(len(h.order)) < most {
		h.order = append(h.order, key)
	} else {
		h.forget(h.order[h.oldest])
		h.order[h.oldest] = key
		h.oldest = (h.oldest + 1) % len(h.order)
	}
	h.entries[key] = e
}

func (h *heard) forget(key uint64) {
	e := h.entries[key]
	delete(h.entries, key)
	if e.at > h.since {
		h.forgotten++
	}
	if e.first == nil {
		return
	}
	if h.alone++; h.alone >= enoughToTell && h.shared < h.alone/oneShared {
		h.apart.Store(true)
	}
}

// Ear is one loop's memory of what a room's subscribers have heard, so that of
// all deliveries of a publication only the first on each loop take a lock. It is
// used on its loop's goroutine only.
type Ear struct {
	room  *Room
	known map[uint64]uint64 // the numbers of identifiers
	slots []keyed           // of known, by number modulo their own
}

type keyed struct{ key, sequence uint64 } // sequence plus one; 0 in a slot that was never used

// NewEar makes a loop's.
func (r *Room) NewEar() *Ear {
	return &Ear{room: r, known: map[uint64]uint64{}, slots: make([]keyed, r.streams[0].remembers())}
}

// Heard says what a delivery by a server that publishes by itself was.
type Heard struct {
	Arrival
	// Unshared: nobody else has heard it so far. Nothing else is said of it.
	Unshared bool
	// First is when the first subscriber heard it.
	First clock.Time
	// Credited is what [Subscription.Credit] would have returned.
	Credited int64
}

// Deliver notes that a subscriber, one of the room's, heard an identifier, which
// key stands for.
func (e *Ear) Deliver(s *Subscription, key uint64, at clock.Time) Heard {
	if e.room.heard.apart.Load() {
		return Heard{Unshared: true}
	}
	sequence, known := e.known[key]
	var credited int64
	if !known {
		var h hearing
		switch sequence, h = e.room.hear(key, s.credit, at); h {
		case unshared:
			return Heard{Unshared: true}
		case repeated:
			return Heard{Arrival: Arrival{Duplicate: true}}
		}
		e.remember(key, sequence)
		// Another loop may have numbered it since the caller asked for the credit.
		// Then the subscriber was the first to hear it, and this one is a repetition.
		credited = s.Credit()
	}
	first, _ := e.room.streams[0].Due(sequence)
	return Heard{Arrival: s.hear(sequence), First: first, Credited: credited}
}

// hear notes that a numbered publication came.
func (s *Subscription) hear(sequence uint64) Arrival {
	s.turns = max(s.turns, s.room.heard.turn(sequence).Load()+1)
	return s.lead.deliver(sequence, s.room.streams[0])
}

func (e *Ear) remember(key, sequence uint64) {
	slot := &e.slots[sequence&uint64(len(e.slots)-1)]
	if slot.sequence != 0 {
		delete(e.known, slot.key)
	}
	*slot = keyed{key, sequence + 1}
	e.known[key] = sequence
}

// Credit notes what this subscriber was the first to hear, and of which others
// have heard since, and returns how many of them were due. It is to be called
// before anything else is asked of the Subscription.
func (s *Subscription) Credit() (due int64) {
	if s.credit == nil || !s.credit.waiting.Load() {
		return 0
	}
	s.room.mu.Lock()
	sequences := s.credit.sequences
	s.credit.sequences = nil
	s.credit.waiting.Store(false)
	s.room.mu.Unlock()
	for _, sequence := range sequences {
		if s.hear(sequence).Due {
			due++
		}
	}
	return due
}

// PassedOver is how many publications never came though they were due to the
// subscriber and later ones came, or were first heard before an instant. Of what
// is younger and the last, nobody knows.
func (s *Subscription) PassedOver(before clock.Time) (publications uint64) {
	if s.room == nil || s.room.heard.apart.Load() {
		return 0
	}
	t := &s.lead
	end := min(t.end, s.room.streams[0].Published())
	// Few are numbered out of turn.
	young := min(end, max(t.next, s.room.streams[0].dueFrom(before)))
	publications = t.lacking(young, s.room.streams[0], true)
	for sequence := max(young, t.first); sequence < end; sequence++ {
		if s.isPassed(sequence) {
			publications++
		}
	}
	return publications
}

// Outstanding tells whether the last due publications may still come.
func (s *Subscription) Outstanding() bool {
	if s.room == nil || s.room.heard.apart.Load() {
		return false
	}
	t := &s.lead
	end := min(t.end, s.room.streams[0].Published())
	for sequence := max(t.next, t.first); sequence < end; sequence++ {
		if !s.isPassed(sequence) {
			return true
		}
	}
	return false
}

// isPassed tells whether one first heard after a publication came.
func (s *Subscription) isPassed(sequence uint64) bool {
	return s.room.heard.turn(sequence).Load() < s.turns
}

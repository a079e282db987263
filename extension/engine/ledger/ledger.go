// Package ledger keeps exact account of a fan-out. It knows which publications each subscriber
// was due, by publisher and sequence and by who was subscribed when. It knows which of them came
// once, twice, late or never.
//
// A publication is due to every subscriber whose subscription was confirmed
// before it was made and who had not begun to leave. One that is made between
// a subscription's request and its confirmation may come or not; neither
// counts.
package ledger

import (
	"sort"
	"sync"
	"sync/atomic"

	"xk6-realtime/engine/clock"
)

// Room is a set of streams that the same subscribers hear. Its methods may be
// called from any goroutine; none is called for a delivery.
type Room struct {
	mu      sync.Mutex
	members int32
	streams []*Stream
	heard   *heard // where the server publishes by itself
}

// NewRoom makes a room of as many publishers as streams. Each stream remembers its last
// publications, at least remember of them, for the subscribers that receive them.
func NewRoom(streams, remember int) *Room {
	r := &Room{}
	for range streams {
		r.streams = append(r.streams, newStream(r, remember))
	}
	return r
}

// Streams are the room's, in a fixed order.
func (r *Room) Streams() []*Stream { return r.streams }

// Stream is one publisher's publications, numbered from 0.
type Stream struct {
	room      *Room
	published atomic.Uint64
	withheld  withheld
	slots     []publication // by sequence modulo their number, a power of two
}

// publication is written by its publisher and read by subscribers' loops.
type publication struct {
	sequence atomic.Uint64 // plus one; 0 in a slot that was never used
	due      atomic.Int64
	audience atomic.Int32
}

func newStream(r *Room, remember int) *Stream {
	size := 1
	for size < remember {
		size *= 2
	}
	return &Stream{room: r, slots: make([]publication, size)}
}

// Publish numbers a publication that was due at due. The message is to be sent
// after that, not before: who hears of the number must be able to look it up.
func (s *Stream) Publish(due clock.Time) (sequence uint64) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.publish(due)
}

// publish is Publish, for who holds the room's lock.
func (s *Stream) publish(due clock.Time) (sequence uint64) {
	sequence = s.published.Load()
	slot := s.slot(sequence)
	slot.sequence.Store(0)
	slot.due.Store(int64(due))
	slot.audience.Store(s.room.members)
	slot.sequence.Store(sequence + 1)
	s.published.Store(sequence + 1)
	return sequence
}

// Await notes that the server is asked whether it takes a publication. Until Answered it may come,
// and is not lost if it does not.
func (s *Stream) Await(sequence uint64) { s.withheld.await(sequence) }

// Answered notes what became of that. One that the server did not take is due to nobody, nor is one
// that this side could not send.
func (s *Stream) Answered(sequence uint64, taken bool) { s.withheld.answered(sequence, taken) }

// isTaken tells whether the server has taken a publication, as far as it was asked.
func (s *Stream) isTaken(sequence uint64) bool {
	return s.withheld.excused(span{sequence, sequence + 1}, true) == 0
}

// Published is how many publications there were.
func (s *Stream) Published() uint64 { return s.published.Load() }

// Due is when a publication was due. It is unknown where there was none of
// that number, or it is too long ago.
func (s *Stream) Due(sequence uint64) (due clock.Time, known bool) {
	slot := s.slot(sequence)
	due = clock.Time(slot.due.Load())
	return due, slot.sequence.Load() == sequence+1
}

// dueFrom is the first publication that was due at an instant or later: their
// due times do not decrease. One that is no longer remembered counts as before.
func (s *Stream) dueFrom(at clock.Time) (sequence uint64) {
	end := s.Published()
	oldest := end - min(end, uint64(len(s.slots)))
	return oldest + uint64(sort.Search(int(end-oldest), func(i int) bool {
		due, known := s.Due(oldest + uint64(i))
		return known && due >= at
	}))
}

// Audience is to how many subscribers a publication is due. It is unknown
// where [Stream.Due] is.
func (s *Stream) Audience(sequence uint64) (subscribers int32, known bool) {
	slot := s.slot(sequence)
	subscribers = slot.audience.Load()
	return subscribers, slot.sequence.Load() == sequence+1
}

// remembers is of how many of its last publications it knows more than that they
// were made.
func (s *Stream) remembers() uint64 { return uint64(len(s.slots)) }

func (s *Stream) slot(sequence uint64) *publication {
	return &s.slots[sequence&uint64(len(s.slots)-1)]
}

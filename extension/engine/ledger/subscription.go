package ledger

import (
	"math"

	"xk6-realtime/engine/clock"
)

// Subscription is one subscriber's stay in a room, from its request to its
// end. Its methods are called by one goroutine at a time. It must not be copied.
// The zero Subscription is due nothing.
type Subscription struct {
	room      *Room
	lead      track   // of the room's first stream, most often its only one
	others    []track // of its other streams
	confirmed bool
	leaving   bool
	// Used if the server publishes by itself: the publications that it is owed, and one more than
	// the last turn of the ones that came.
	credit *credit
	turns  uint64
}

// Subscribe begins a stay, before the request for it is sent.
func (r *Room) Subscribe(s *Subscription) {
	*s = Subscription{room: r}
	if r.heard != nil {
		s.credit = &credit{}
	}
	if len(r.streams) > 1 {
		s.others = make([]track, len(r.streams)-1)
	}
	for i, stream := range r.streams {
		from := stream.Published()
		*s.track(i) = track{from: from, next: from, first: math.MaxUint64, end: math.MaxUint64}
	}
}

// streams is how many the subscriber hears.
func (s *Subscription) streams() int {
	if s.room == nil {
		return 0
	}
	return len(s.room.streams)
}

func (s *Subscription) track(stream int) *track {
	if stream == 0 {
		return &s.lead
	}
	return &s.others[stream-1]
}

// Confirm notes that the server has confirmed the subscription: every later publication is due.
func (s *Subscription) Confirm() {
	if s.confirmed || s.leaving || s.room == nil {
		return
	}
	s.confirmed = true
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.room.members++
	for i, stream := range s.room.streams {
		s.track(i).first = stream.published.Load()
	}
}

// Leave notes that the subscriber begins to leave, or was cut off: no later publication is due.
// Earlier ones may still come, until [Subscription.Lost] settles them.
func (s *Subscription) Leave() {
	if s.leaving || s.room == nil {
		return
	}
	s.leaving = true
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.confirmed {
		s.room.members--
	}
	for i, stream := range s.room.streams {
		s.track(i).end = stream.published.Load()
	}
}

// Arrival describes a delivery. More than one may be true at once.
type Arrival struct {
	// Foreign: no publication of that number was made on that stream. Nothing
	// else is said of it.
	Foreign bool
	// Early: it was made before the subscription was asked for, and the server
	// took it in only after: nothing is wrong with that, and it was not due.
	// Nothing else is said of it.
	Early bool
	// Duplicate: it has come before. Nothing else is said of it.
	Duplicate bool
	// Forgotten: it is of so long ago that what came then is no longer known
	// one by one: it may be late, or have come before. Nothing else is said of
	// it.
	Forgotten bool
	// Reordered: a later one of the same stream had come already.
	Reordered bool
	// Due: it was owed. One that came while the subscription was not yet
	// confirmed, or after it began to end, was not.
	Due bool
}

// Deliver notes that a publication came.
func (s *Subscription) Deliver(stream int, sequence uint64) Arrival {
	if stream < 0 || stream >= s.streams() || sequence >= s.room.streams[stream].Published() {
		return Arrival{Foreign: true}
	}
	return s.track(stream).deliver(sequence, s.room.streams[stream])
}

// Complete tells whether all that was due until now has come, but for publications that the server
// did not take.
func (s *Subscription) Complete() bool {
	for i := range s.streams() {
		t, of := s.track(i), s.room.streams[i]
		if t.lacking(min(t.end, of.Published()), of, false) > 0 {
			return false
		}
	}
	return true
}

// Lost is how many publications were due and have not come. The server has taken each of them: one
// without an answer is not lost. It is final once the subscription has ended and its last messages
// were read.
func (s *Subscription) Lost() (publications uint64) {
	for i := range s.streams() {
		t, of := s.track(i), s.room.streams[i]
		publications += t.lacking(min(t.end, of.Published()), of, true)
	}
	return publications
}

// LostBefore is Lost, of those only that were due before an instant.
func (s *Subscription) LostBefore(at clock.Time) (publications uint64) {
	for i := range s.streams() {
		t, of := s.track(i), s.room.streams[i]
		publications += t.lacking(min(t.end, of.dueFrom(at)), of, true)
	}
	return publications
}

// track is what one subscriber has had of one stream. Publications from first
// up to, not including, end are due.
type track struct {
	from       uint64 // the first that can come
	first, end uint64
	next       uint64 // one more than the highest that came
	gaps       *gaps  // below next; nil before the first
}

// gaps are what did not come of one stream.
type gaps struct {
	open spans
	// Of the stretches that are kept no longer: the end of the last one, and how many due
	// publications they held.
	settled, lost uint64
}

const (
	// fewGaps are kept whatever their age.
	fewGaps = 64
	// mostGaps bounds the memory of one stay in a stream that loses without end.
	mostGaps = 4096
)

// span is the sequences from begin up to, not including, end.
type span struct{ begin, end uint64 }

// deliver notes that a publication came, of its stream.
func (t *track) deliver(sequence uint64, of *Stream) Arrival {
	if sequence < t.from {
		return Arrival{Early: true}
	}
	a := Arrival{Due: sequence >= t.first && sequence < t.end}
	switch {
	case sequence == t.next:
		t.next++
	case sequence > t.next:
		t.skip(sequence, of)
		t.next = sequence + 1
	case t.fill(sequence, of):
		a.Reordered = true
	case t.gaps != nil && sequence < t.gaps.settled:
		return Arrival{Forgotten: true}
	default:
		return Arrival{Duplicate: true}
	}
	return a
}

// skip notes the gap before a sequence beyond next.
func (t *track) skip(sequence uint64, of *Stream) {
	if t.gaps == nil {
		t.gaps = &gaps{}
	}
	if open := t.gaps.open; len(open) >= fewGaps && len(open) == cap(open) {
		t.settle(sequence-min(sequence, of.remembers()), of)
	}
	t.gaps.open = append(t.gaps.open, span{t.next, sequence})
}

// settle counts the gaps before a sequence as final, and keeps them no longer;
// of too many, the older half too.
func (t *track) settle(before uint64, of *Stream) {
	n, open := 0, t.gaps.open
	for n < len(open) && open[n].end <= before {
		n++
	}
	if len(open)-n > mostGaps/2 && len(open) >= mostGaps {
		n = max(n, len(open)/2)
	}
	for _, g := range open[:n] {
		t.gaps.lost += of.withheld.owed(g.clip(t.first, t.end), true)
		t.gaps.settled = g.end
	}
	t.gaps.open = append(make(spans, 0, min(max(2*(len(open)-n), fewGaps), mostGaps)), open[n:]...)
}

// fill takes a sequence out of the gaps; false when it is in none.
func (t *track) fill(sequence uint64, of *Stream) bool {
	if t.gaps == nil || !t.gaps.open.remove(sequence) {
		return false
	}
	if len(t.gaps.open) >= mostGaps {
		t.settle(0, of)
	}
	return true
}

// lacking is how many publications that were due below end did not come, without the ones that
// [withheld.excused] counts.
func (t *track) lacking(end uint64, of *Stream, pending bool) (publications uint64) {
	if t.first >= end {
		return 0
	}
	if t.gaps != nil {
		publications = t.gaps.lost
		for _, g := range t.gaps.open {
			publications += of.withheld.owed(g.clip(t.first, end), pending)
		}
	}
	return publications + of.withheld.owed(span{t.next, end}.clip(t.first, end), pending)
}

// clip is the part of a span from begin up to, not including, end.
func (s span) clip(begin, end uint64) span {
	begin = max(s.begin, begin)
	return span{begin, max(begin, min(s.end, end))}
}

func (s span) length() uint64 { return s.end - s.begin }

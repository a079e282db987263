package ledger

import (
	"time"

	"xk6-realtime/engine/clock"
)

// Arrivals counts, on one loop, to how many of a stream's due subscribers each
// publication came and when the last of them had it. The loops' Arrivals of a
// stream together tell its spread. It is used on its loop's goroutine only.
type Arrivals struct {
	stream *Stream
	slots  []arrived // like the stream's own
}

type arrived struct {
	sequence uint64 // plus one
	count    int32
	last     clock.Time
}

// NewArrivals makes the account of one loop.
func (s *Stream) NewArrivals() *Arrivals {
	return &Arrivals{stream: s, slots: make([]arrived, len(s.slots))}
}

// Note notes that a due publication came at at.
func (a *Arrivals) Note(sequence uint64, at clock.Time) {
	slot := &a.slots[sequence&uint64(len(a.slots)-1)]
	if slot.sequence != sequence+1 {
		*slot = arrived{sequence: sequence + 1}
	}
	slot.count++
	slot.last = max(slot.last, at)
}

// Spreads goes through a stream's publications in order and tells how long
// each took to its last subscriber.
type Spreads struct {
	stream  *Stream
	timeout time.Duration
	slots   []arrived // of all loops, as far as taken
	next    uint64
}

// NewSpreads makes the account of a stream; a publication that is not
// complete timeout after its due time counts as taking that long.
func (s *Stream) NewSpreads(timeout time.Duration) *Spreads {
	return &Spreads{stream: s, timeout: timeout, slots: make([]arrived, len(s.slots))}
}

// Take moves a loop's notes here. It is called on that loop's goroutine, while nobody else uses
// p.
func (p *Spreads) Take(a *Arrivals) {
	for sequence := p.next; sequence < p.stream.Published(); sequence++ {
		i := sequence & uint64(len(a.slots)-1)
		from := &a.slots[i]
		if from.sequence != sequence+1 || from.count == 0 {
			continue
		}
		to := &p.slots[i]
		if to.sequence != sequence+1 {
			*to = arrived{sequence: sequence + 1}
		}
		to.count += from.count
		to.last = max(to.last, from.last)
		from.count = 0
	}
}

// Settle calls spread for each publication that is complete, or timed out, by
// now. One that was due to nobody has no spread; neither has one that the
// server did not take, or that the stream no longer remembers, which forgotten counts.
func (p *Spreads) Settle(now clock.Time, spread func(time.Duration)) (forgotten int) {
	for ; p.next < p.stream.Published(); p.next++ {
		due, known := p.stream.Due(p.next)
		audience, same := p.stream.Audience(p.next)
		if !known || !same {
			forgotten++
			continue
		}
		if audience == 0 {
			continue
		}
		came := p.slots[p.next&uint64(len(p.slots)-1)]
		someCame := came.sequence == p.next+1
		switch complete := someCame && came.count >= audience; {
		case complete:
			spread(came.last.Sub(due))
		case now.Sub(due) < p.timeout:
			return forgotten
		case someCame || p.stream.isTaken(p.next):
			spread(p.timeout)
		}
	}
	return forgotten
}

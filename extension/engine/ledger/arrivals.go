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

func (a *Arrivals) of(sequence uint64) (count int32, last clock.Time) {
	slot := &a.slots[sequence&uint64(len(a.slots)-1)]
	if slot.sequence != sequence+1 {
		return 0, 0
	}
	return slot.count, slot.last
}

// Spreads goes through a stream's publications in order and tells how long
// each took to its last subscriber.
type Spreads struct {
	stream  *Stream
	timeout time.Duration
	next    uint64
}

// NewSpreads makes the account of a stream; a publication that is not
// complete timeout after its due time counts as taking that long.
func (s *Stream) NewSpreads(timeout time.Duration) *Spreads {
	return &Spreads{stream: s, timeout: timeout}
}

// Settle calls spread for each publication that is complete, or timed out, by
// now. It reads the Arrivals of all loops, which must hold still meanwhile. A
// publication due to nobody has no spread; neither has one that the stream no
// longer remembers, which forgotten counts.
func (p *Spreads) Settle(now clock.Time, loops []*Arrivals, spread func(time.Duration)) (forgotten int) {
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
		var count int32
		var last clock.Time
		for _, a := range loops {
			n, at := a.of(p.next)
			count += n
			last = max(last, at)
		}
		switch {
		case count >= audience:
			spread(last.Sub(due))
		case now.Sub(due) >= p.timeout:
			spread(p.timeout)
		default:
			return forgotten
		}
	}
	return forgotten
}

package swarm

import "time"

// Pace says when connections are meant to begin. It is pure: the clock is the
// caller's.
type Pace interface {
	// Due is the intended start of connection i, counted from 0, after the
	// start of the run. It does not decrease with i.
	Due(i int) time.Duration
}

// Rate begins so many connections a second, evenly, whatever becomes of the
// earlier ones.
type Rate float64

// Due is i divided by the rate.
func (r Rate) Due(i int) time.Duration {
	return time.Duration(float64(i) / float64(r) * float64(time.Second))
}

// Batches begins Size connections at once, then the next after Delay.
type Batches struct {
	Size  int
	Delay time.Duration
}

// Due is the start of the batch that i belongs to.
func (b Batches) Due(i int) time.Duration { return time.Duration(i/b.Size) * b.Delay }

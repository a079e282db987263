package engine

import "xk6-realtime/engine/clock"

// timers is a heap of what is due, four children to a node. An owner may have
// several entries, told apart by kind, and keeps each one's place so that a
// change costs no search.
type timers []timer

type timer struct {
	at    clock.Time
	owner timed
	kind  uint8
}

// timed has timers. It stores a place plus one, so that zero is "none".
type timed interface {
	place(kind uint8) *int32
	due(kind uint8, now clock.Time)
}

// set makes the owner's timer due at, whether it was set before or not.
func (h *timers) set(owner timed, kind uint8, at clock.Time) {
	place := owner.place(kind)
	if *place == 0 {
		*h = append(*h, timer{at, owner, kind})
		*place = int32(len(*h))
		h.up(len(*h) - 1)
		return
	}
	i := int(*place) - 1
	(*h)[i].at = at
	h.up(i)
	h.down(int(*place) - 1)
}

// stop removes the owner's timer, if it is set.
func (h *timers) stop(owner timed, kind uint8) {
	if place := owner.place(kind); *place != 0 {
		h.remove(int(*place) - 1)
	}
}

func (h *timers) remove(i int) {
	last := len(*h) - 1
	*(*h)[i].owner.place((*h)[i].kind) = 0
	moved := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	if i < last {
		h.put(i, moved)
		h.up(i)
		h.down(int(*moved.owner.place(moved.kind)) - 1)
	}
}

// fire rings what is due at now, and tells when the next is, or 0 for never.
func (h *timers) fire(now clock.Time) (next clock.Time) {
	for len(*h) > 0 {
		first := (*h)[0]
		if first.at > now {
			return first.at
		}
		h.remove(0)
		first.owner.due(first.kind, now)
	}
	return 0
}

func (h timers) put(i int, t timer) {
	h[i] = t
	*t.owner.place(t.kind) = int32(i + 1)
}

func (h timers) up(i int) {
	t := h[i]
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent].at <= t.at {
			break
		}
		h.put(i, h[parent])
		i = parent
	}
	h.put(i, t)
}

func (h timers) down(i int) {
	t := h[i]
	for {
		least := i
		at := t.at
		for child := 4*i + 1; child <= 4*i+4 && child < len(h); child++ {
			if h[child].at < at {
				least, at = child, h[child].at
			}
		}
		if least == i {
			break
		}
		h.put(i, h[least])
		i = least
	}
	h.put(i, t)
}

// Timer calls a function on a loop's goroutine.
type Timer struct {
	loop *Loop
	f    func(now clock.Time)
	at   int32
}

// NewTimer makes a Timer that is not set yet.
func (l *Loop) NewTimer(f func(now clock.Time)) *Timer { return &Timer{loop: l, f: f} }

// Set makes the Timer ring once at the instant given, instead of any earlier
// set one.
func (t *Timer) Set(at clock.Time) { t.loop.timers.set(t, 0, at) }

// Stop makes it not ring.
func (t *Timer) Stop() { t.loop.timers.stop(t, 0) }

func (t *Timer) place(uint8) *int32          { return &t.at }
func (t *Timer) due(_ uint8, now clock.Time) { t.f(now) }

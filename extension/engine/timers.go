package engine

import "xk6-realtime/engine/clock"

// timers is a heap of due times, four children to a node. An owner may have several entries, told
// apart by kind, and keeps each one's place so that a change costs no search.
type timers struct {
	heap    []timer
	ringing clock.Time // what is due by then is ringing; 0 while nothing is
}

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

// set makes the owner's timer due at, whether it was set before or not. One
// that is set by what rings does not ring before the next fire.
func (h *timers) set(owner timed, kind uint8, at clock.Time) {
	if h.ringing != 0 {
		at = max(at, h.ringing+1)
	}
	place := owner.place(kind)
	if *place == 0 {
		h.heap = append(h.heap, timer{at, owner, kind})
		*place = int32(len(h.heap))
		h.up(len(h.heap) - 1)
		return
	}
	i := int(*place) - 1
	h.heap[i].at = at
	h.up(i)
	h.down(int(*place) - 1)
}

// stop removes the owner's timer, if it is set.
func (h *timers) stop(owner timed, kind uint8) {
	if place := owner.place(kind); *place != 0 {
		h.remove(int(*place) - 1)
	}
}

// at is when the timer at a place is due, 0 if it is not set.
func (h *timers) at(place int32) clock.Time {
	if place == 0 {
		return 0
	}
	return h.heap[place-1].at
}

// next is when the first timer is due, 0 for never.
func (h *timers) next() clock.Time {
	if len(h.heap) == 0 {
		return 0
	}
	return h.heap[0].at
}

func (h *timers) remove(i int) {
	last := len(h.heap) - 1
	*h.heap[i].owner.place(h.heap[i].kind) = 0
	moved := h.heap[last]
	h.heap[last] = timer{}
	h.heap = h.heap[:last]
	if i < last {
		h.put(i, moved)
		h.up(i)
		h.down(int(*moved.owner.place(moved.kind)) - 1)
	}
}

// fire rings the timers that are due at now.
func (h *timers) fire(now clock.Time) {
	h.ringing = now
	for len(h.heap) > 0 && h.heap[0].at <= now {
		first := h.heap[0]
		h.remove(0)
		first.owner.due(first.kind, now)
	}
	h.ringing = 0
}

func (h *timers) put(i int, t timer) {
	h.heap[i] = t
	*t.owner.place(t.kind) = int32(i + 1)
}

func (h *timers) up(i int) {
	t := h.heap[i]
	for i > 0 {
		parent := (i - 1) / 4
		if h.heap[parent].at <= t.at {
			break
		}
		h.put(i, h.heap[parent])
		i = parent
	}
	h.put(i, t)
}

func (h *timers) down(i int) {
	t := h.heap[i]
	for {
		least := i
		at := t.at
		for child := 4*i + 1; child <= 4*i+4 && child < len(h.heap); child++ {
			if h.heap[child].at < at {
				least, at = child, h.heap[child].at
			}
		}
		if least == i {
			break
		}
		h.put(i, h.heap[least])
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

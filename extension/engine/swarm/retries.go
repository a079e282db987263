package swarm

import "xk6-realtime/engine/clock"

// retry is a connection that is to be dialled again.
type retry struct {
	at      clock.Time
	turn    uint64 // among those due at once
	session *session
	failed  bool // else it is opened again because its handler asked for it
	// renews is the login that is to be followed by another while its connection is
	// open; 0 to dial.
	renews int32
}

func (r *retry) before(other *retry) bool {
	return r.at < other.at || r.at == other.at && r.turn < other.turn
}

// retries is a heap of due retries, the first on top: many connections may drop at once.
type retries struct {
	due  []retry
	turn uint64
}

func (h *retries) add(r retry) {
	h.turn++
	r.turn = h.turn
	h.due = append(h.due, r)
	i := len(h.due) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !r.before(&h.due[parent]) {
			break
		}
		h.due[i] = h.due[parent]
		i = parent
	}
	h.due[i] = r
}

// first is the retry that is due first, nil for none.
func (h *retries) first() *retry {
	if len(h.due) == 0 {
		return nil
	}
	return &h.due[0]
}

// take removes the first, which there must be.
func (h *retries) take() retry {
	taken, end := h.due[0], len(h.due)-1
	last := h.due[end]
	h.due[end] = retry{}
	h.due = h.due[:end]
	i := 0
	for {
		child := 2*i + 1
		if child >= end {
			break
		}
		if child+1 < end && h.due[child+1].before(&h.due[child]) {
			child++
		}
		if !h.due[child].before(&last) {
			break
		}
		h.due[i] = h.due[child]
		i = child
	}
	if end > 0 {
		h.due[i] = last
	}
	return taken
}

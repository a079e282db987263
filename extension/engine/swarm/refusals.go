package swarm

import "xk6-realtime/engine"

// certainAfter is how many refusals of each missing connection, and how many Windows in a row, make
// it certain that the server takes no more.
const certainAfter = 10

// Refusals finds out from a Swarm's Windows whether its server takes no more connections. It is
// pure.
type Refusals struct {
	windows int
	refused int64
}

// Certain takes the next Window of a Swarm that still has missing connections, and tells whether
// waiting for them is useless. It is if, over ten Windows, the server refused ten attempts for
// each missing connection. Meanwhile no connection opened or ended, and no attempt failed
// otherwise. A refusal is an answer with an HTTP status, or nothing listening at the address.
func (r *Refusals) Certain(w *Window, missing int) bool {
	refused, others := refusalsIn(w)
	if missing <= 0 || w.Opened > 0 || w.Closed > 0 || others > 0 {
		*r = Refusals{}
		return false
	}
	r.windows++
	r.refused += refused
	return r.windows >= certainAfter && r.refused >= certainAfter*int64(missing)
}

func refusalsIn(w *Window) (refused, others int64) {
	for reason, n := range w.Failures {
		if reason == engine.ReasonRefused || reason.OfAnswer() {
			refused += n
		} else {
			others += n
		}
	}
	return refused, others
}

package swarm

import (
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
)

// Handler hears of one connection beside the Swarm's own account of it, on its
// loop's goroutine, through all its attempts.
type Handler interface {
	engine.Receiver
	Opened(c *engine.Conn, o *engine.Opening)
	Alarm(c *engine.Conn, now clock.Time)
	// AttemptFailed: an attempt to connect failed. If nothing is wanted, the
	// Swarm's Retries decide.
	AttemptFailed(at clock.Time) Reopen
	// Closed: an opened connection is over.
	Closed(c *engine.Conn, e engine.End) Reopen
}

// Reopen is whether and when a Handler wants its connection to be opened again. That is not a retry.
// A dropped event stream is not opened before the time that its server asked for. Reopen is
// ignored once the Swarm closes.
type Reopen struct {
	Wanted bool
	After  time.Duration
}

package swarm

import (
	"fmt"

	"xk6-realtime/engine"
)

// ExhaustedError says that this machine gave no more descriptors or ports.
type ExhaustedError struct {
	Reason engine.Reason // ReasonNoDescriptors or ReasonNoPorts
	Open   int           // how far it came, about
	Wanted int           // of all shards
}

func (e *ExhaustedError) Error() string {
	if e.Reason == engine.ReasonNoPorts {
		return fmt.Sprintf("no local port left at about %d open connections of %d wanted: %s; "+
			"give more source addresses, more servers, or widen the range", e.Open, e.Wanted, portLimit())
	}
	return fmt.Sprintf("out of file descriptors at about %d open connections of %d wanted: %s; "+
		"raise it, or spread the shards over several processes", e.Open, e.Wanted, descriptorLimit())
}

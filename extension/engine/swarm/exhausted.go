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

func portLimit() string {
	low, high, ok := engine.EphemeralPorts()
	if !ok {
		return "each source address has the system's range of ephemeral ports towards one server"
	}
	return fmt.Sprintf("each source address has ports %d to %d, that is %d, towards one server (%s)",
		low, high, high-low+1, engine.PortRange)
}

func (e *ExhaustedError) Error() string {
	if e.Reason == engine.ReasonNoPorts {
		return fmt.Sprintf("no local port left at about %d open connections of %d wanted: %s; "+
			"give more source addresses, more servers, or widen the range", e.Open, e.Wanted, portLimit())
	}
	return fmt.Sprintf("out of file descriptors at about %d open connections of %d wanted: %s; "+
		"raise it, or spread the shards over several processes", e.Open, e.Wanted, descriptorLimit())
}

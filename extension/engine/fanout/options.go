package fanout

import (
	"errors"
	"fmt"
	"time"

	"xk6-realtime/engine/protocol"
)

// Options says what a Run is. A zero field means the default.
type Options struct {
	Plan Plan
	// Protocol is how messages look. Required; with publishers it must have a
	// publication that carries the identifier, and a delivery that tells it.
	Protocol *protocol.Protocol
	// Variables are the values of Protocol.Variables for connection i.
	Variables func(i int) []string
	// Authenticate: see [protocol.Init].
	Authenticate bool
	// Name tells this process's publications from others': letters and
	// digits. Required with publishers.
	Name string
	// Payload fills the publications that have a place for it.
	Payload []byte
	// For is how long there are publications. Required.
	For time.Duration
	// Timeout is how long after its due time a delivery counts as lost, and
	// how long the last ones are waited for. Default 5s.
	Timeout time.Duration
	// Churn is how many subscribers of the shard leave in a second, each to
	// come back at once. Default 0.
	Churn float64
}

// Check tells what is wrong with the Options, before a Run is made of them.
func (o Options) Check() error {
	_, err := o.withDefaults()
	return err
}

func (o Options) withDefaults() (Options, error) {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if err := o.Plan.Check(); err != nil {
		return o, err
	}
	switch {
	case o.Protocol == nil:
		return o, errors.New("fanout: Protocol: want one")
	case !o.Protocol.HasDelivery():
		return o, fmt.Errorf("fanout: Protocol: want one with a delivery, got %q", o.Protocol.Name)
	case o.Plan.Publishers > 0 && !o.Protocol.HasPublish():
		return o, fmt.Errorf("fanout: Protocol: want one with a publish message, got %q", o.Protocol.Name)
	case o.Plan.Publishers > 0 && o.Name == "":
		return o, errors.New("fanout: Name: want one")
	case o.For <= 0 || o.Timeout < 0 || o.Churn < 0:
		return o, errors.New("fanout: For, Timeout, Churn: want no negative value, and For above 0")
	}
	return o, nil
}

package binding

import (
	"encoding/json"
	"fmt"
	"strconv"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
)

// activity is what the connections of a shard do beside being held.
type activity interface {
	handler(loop, i int) swarm.Handler
	// drive has them do it, then begins the swarm's end; at once when stop is
	// closed.
	drive(s *swarm.Swarm, stop <-chan struct{}) error
	// push tells k6 what they did since the last time.
	push(r *recorder)
}

// newActivity makes the shard's, nil where its connections are only held.
func newActivity(e *engine.Engine, state *lib.State, o *options, shard int, checking *contract.Checking, heard *notices) (activity, error) {
	switch {
	case o.fanOut != nil:
		return newFanOut(e, state, o, shard, checking, heard)
	case o.probing != nil:
		return newProbing(e, state, o, shard, checking, heard)
	}
	return nil, nil
}

// drivenBy is what a shard waits for beside its connections: what they do, if
// they do anything.
func (s *shard) drivenBy(stop <-chan struct{}) <-chan error {
	if s.activity == nil {
		return nil
	}
	over := make(chan error, 1)
	go func() { over <- s.activity.drive(s.swarm, stop) }()
	return over
}

// readProtocol compiles a descriptor, which lib/protocols has checked.
func readProtocol(r *reader, q *requests) *protocol.Protocol {
	descriptor, _ := r.take("protocol")
	p, err := compileDescriptor(descriptor, q.columns)
	if err != nil {
		r.fail(fmt.Errorf("%s.protocol: %w", r.of, err))
	}
	return p
}

func compileDescriptor(given any, columns []string) (*protocol.Protocol, error) {
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	d := &protocol.Descriptor{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("expected a descriptor: %w", err)
	}
	return protocol.Compile(d, columns...)
}

// vuVariable is the number of the virtual user, which only it knows.
const vuVariable = "vu"

// checkOneWay refuses a protocol that sends on connections which are event
// streams.
func (q *requests) checkOneWay(p *protocol.Protocol) error {
	if !q.isStream || p.Sends() == "" {
		return nil
	}
	return fmt.Errorf("Swarm: expected a protocol that sends nothing on event streams, got %q with %s", p.Name, p.Sends())
}

// checkVariables refuses a protocol that needs what is not given.
func (q *requests) checkVariables(names []string) error {
	for _, name := range names {
		if _, given := q.variables[name]; !given && name != connectionVariable && name != vuVariable {
			return fmt.Errorf("Swarm.variables: expected %q, which the protocol needs, got nothing", name)
		}
	}
	return nil
}

// valuesFor are the values of a protocol's variables, by connection.
func (q *requests) valuesFor(p *protocol.Protocol, shard int) func(connection int) []string {
	return func(connection int) []string {
		values := make([]string, len(p.Variables))
		for i, name := range p.Variables {
			if name == vuVariable {
				values[i] = strconv.Itoa(shard + 1)
			} else {
				values[i] = q.value(name, connection)
			}
		}
		return values
	}
}

package fanout

import (
	"errors"
	"fmt"
	"math"
	"time"

	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/protocol"
)

// Options describes a Run. A zero field means the default.
type Options struct {
	Plan Plan
	// Protocol is how messages look. Required; with publishers it must have a
	// publication that carries the identifier, and a delivery that tells it.
	Protocol *protocol.Protocol
	// Publishing is how messages of publishers look, which then hear nothing. Default:
	// Protocol.
	Publishing *protocol.Protocol
	// Variables are the values that connection i has of the Variables of its protocol.
	Variables func(i int) []string
	// Authenticate: see [protocol.Init].
	Authenticate bool
	// Post sends publications if the protocol has PublishHTTP, and is required then.
	Post protocol.Post
	// Checking checks every message that comes. Default: nothing does.
	Checking *contract.Checking
	// Unwritable is told why a message could not be written, or was not taken, and
	// the reason that it counts as: each reason once for each loop, on its
	// goroutine. Optional.
	Unwritable func(reason string, why error)
	// Complain is told what an error in the messages of connection i says, each
	// wording once, on a loop's goroutine. Default: nobody is.
	Complain func(i int, c protocol.Complaint)
	// Name tells this process's publications from others': letters and
	// digits. Required with publishers.
	Name string
	// Payload fills the publications that have a place for it.
	Payload []byte
	// For is how long there are publications. Required.
	For time.Duration
	// Timeout is how long after its due time a delivery counts as lost, and
	// how long the last ones are waited for. Each publication is remembered for
	// that long and more, which bounds it together with the plan's rate. Default
	// 5s.
	Timeout time.Duration
	// Churn is how many subscribers of the shard leave in a second, each to
	// come back at once. Default 0.
	Churn float64
}

// Check returns an error for invalid Options, before a Run is made from them.
func (o Options) Check() error {
	if o.Post == nil { // which is known only when it runs
		o.Post = func(int, []byte, protocol.Posted) {}
	}
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
	if o.Publishing == nil {
		o.Publishing = o.Protocol
	}
	switch {
	case o.Protocol == nil:
		return o, errors.New("fanout: Protocol: want one")
	case !o.Protocol.HasDelivery():
		return o, fmt.Errorf("fanout: Protocol: want one with a delivery, got %q", o.Protocol.Name)
	case o.Plan.Publishers > 0 && !o.Publishing.HasPublish():
		return o, fmt.Errorf("fanout: Protocol: want one with a publish message, got %q", o.Publishing.Name)
	case o.Plan.Publishers > 0 && o.Publishing.PublishHTTP != nil && o.Post == nil:
		return o, errors.New("fanout: Post: want one for a protocol that publishes by HTTP")
	case o.Plan.Publishers > 0 && o.Name == "":
		return o, errors.New("fanout: Name: want one")
	case o.For <= 0 || o.Timeout < 0 || o.Churn < 0:
		return o, errors.New("fanout: For, Timeout, Churn: want no negative value, and For above 0")
	}
	if most := o.longestTimeout(); o.Timeout > most {
		return o, fmt.Errorf("fanout: Timeout: want at most %v with %v publications a second, each of which is remembered for that long, got %v",
			max(most, 0).Truncate(time.Millisecond), o.Plan.Rate, o.Timeout)
	}
	return o, nil
}

const (
	// remembered is how long a stream looks back, beyond the timeout, for the subscribers that
	// receive its publications.
	remembered = 5 * time.Second
	// mostRemembered publications are of all streams of the shard together; each
	// takes some 70 bytes.
	mostRemembered = 1 << 21
)

// remember is how many publications each stream looks back.
func (o *Options) remember() int {
	if o.Plan.Publishers == 0 {
		return 1
	}
	return 1 + int((o.Timeout+remembered)/max(o.Plan.interval(), time.Microsecond))
}

// longestTimeout is what mostRemembered leaves room for.
func (o *Options) longestTimeout() time.Duration {
	streams := o.Plan.Publishers / o.Plan.Shards
	if streams == 0 {
		return math.MaxInt64
	}
	each := mostRemembered / 2 / streams // a stream takes a power of two of them
	most := float64(each) * float64(max(o.Plan.interval(), time.Microsecond))
	return time.Duration(min(most, math.MaxInt64/2)) - remembered
}

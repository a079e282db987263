// Package probing times request and reply on many connections. Each of a Swarm's connections
// sends probes on due times of its own, whether or not the last reply came. Every reply is
// accounted for.
package probing

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
	// Protocol is how messages look. Required, with a probe.
	Protocol *protocol.Protocol
	// Variables are the values of Protocol.Variables for connection i.
	// Required where there are any.
	Variables func(i int) []string
	// Authenticate: see [protocol.Init].
	Authenticate bool
	// Name is part of each probe's identifier where probes go by HTTP: what comes
	// of one may come to others. Required there, unique among the processes of a
	// server.
	Name string
	// Post sends probes where the protocol has ProbeHTTP, and is required there.
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
	// Interval is the time between two probes of one connection. Required.
	Interval time.Duration
	// Payload fills the probes that have a place for it.
	Payload []byte
	// For is how long there are probes once all connections are open or given
	// up; each connection begins with its own as soon as it is ready. Required.
	For time.Duration
	// Timeout is how long after a probe's due time a reply may come. Default
	// 5s.
	Timeout time.Duration
	// BackoffBase and BackoffCap bound how long a dropped connection waits before it comes back.
	// The wait is random: up to the base before the first try, then up to twice as long after
	// each failed try, up to the cap. Defaults 500ms and 10s.
	BackoffBase, BackoffCap time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.BackoffBase == 0 {
		o.BackoffBase = 500 * time.Millisecond
	}
	if o.BackoffCap == 0 {
		o.BackoffCap = max(10*time.Second, o.BackoffBase)
	}
	switch {
	case o.Protocol == nil:
		return o, errors.New("probing: Protocol: want one")
	case !o.Protocol.HasProbe():
		return o, fmt.Errorf("probing: Protocol: want one with a probe, got %q", o.Protocol.Name)
	case len(o.Protocol.Variables) > 0 && o.Variables == nil:
		return o, fmt.Errorf("probing: Variables: want values for %v", o.Protocol.Variables)
	case o.Protocol.ProbeHTTP != nil && (o.Post == nil || o.Name == ""):
		return o, errors.New("probing: Post, Name: want both for a protocol that probes by HTTP")
	case o.Interval <= 0 || o.For <= 0 || o.Timeout < 0:
		return o, errors.New("probing: Interval, For, Timeout: want times above 0")
	case o.BackoffBase < 0 || o.BackoffCap < o.BackoffBase:
		return o, fmt.Errorf("probing: BackoffCap: want at least BackoffBase, %v, got %v", o.BackoffBase, o.BackoffCap)
	}
	if o.Variables == nil {
		o.Variables = func(int) []string { return nil }
	}
	return o, nil
}

// phase is how long connection i waits, once it is ready, before it sends its first probe. It is
// less than an interval, and spread evenly for any number of connections (multiples of the golden
// ratio leave the most even gaps).
func (o *Options) phase(i int) time.Duration {
	const golden = 0.6180339887498949
	turns := float64(i) * golden
	return time.Duration((turns - float64(int64(turns))) * float64(o.Interval))
}

// backOff is how long to wait before a try to come back, counted from 0: exponential with full
// jitter. So connections that were cut off together do not come back together. The random number
// is uniform in [0, 1).
func (o *Options) backOff(attempt int, random float64) time.Duration {
	longest := min(float64(o.BackoffCap), math.Ldexp(float64(o.BackoffBase), attempt))
	return time.Duration(random * longest)
}

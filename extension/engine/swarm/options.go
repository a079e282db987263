package swarm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/handshake"
)

// Exhausted says what to do when this machine gives no more descriptors or
// ports.
type Exhausted string

// What a Swarm can do then. Either way the result tells.
const (
	// Fail ends the swarm.
	Fail Exhausted = "fail"
	// Continue goes on with what there is.
	Continue Exhausted = "continue"
)

// Options describes a Swarm. A zero field means the default.
type Options struct {
	// Servers are the URLs, taken in turn: ws and wss, or http and https for event
	// streams. At least one.
	Servers []string
	// Elsewhere is where connection i goes instead of to its server, nil for there. It is
	// called on a loop's goroutine. What a login says comes before. Default: nil for all.
	Elsewhere func(i int) *engine.Endpoint
	// Connections is how many there are to be, of all shards together. At
	// least one.
	Connections int
	// Shard of Shards is this Swarm's part: connection i belongs to shard i
	// modulo Shards. Default 0 of 1.
	Shard, Shards int
	// Pace is when they begin. Required.
	Pace Pace
	// Retries is how often a connection that failed is tried again, -1 for
	// until it succeeds. Default 0.
	Retries int
	// RetryDelay is how long after a failure that is. Default 1s.
	RetryDelay time.Duration
	// Hold is how long the connections are kept once all are open or given
	// up. Default 0: they are closed at once.
	Hold time.Duration
	// CloseOver spreads the closing over a time, the last opened first.
	// Default 0.
	CloseOver time.Duration
	// Sources are local addresses, taken in turn: each has ephemeral ports of
	// its own. Default: the kernel's choice.
	Sources []netip.Addr
	// Deflate is what each connection offers to compress messages by. Default: they
	// are not compressed.
	Deflate *deflate.Options
	// StreamsPerConnection makes the connections streams of HTTP/2, at most this many on one TCP
	// connection. Default 0: HTTP/1.1. See engine.Dial.
	StreamsPerConnection int
	// Request fills in what connection i asks for; its Host, and the path of
	// its server's URL, are set. It is called on a loop's goroutine.
	Request func(i int, r *handshake.Request)
	// LogIn gets what connection i needs before an attempt to connect that was due at
	// an instant, and again to renew it. It is called on a loop's goroutine and does
	// not wait. It calls done once, on any goroutine. Default: connections need
	// nothing.
	LogIn func(i int, due clock.Time, done func(Login))
	// Handler makes the handler of connection i, before its first attempt, on the
	// goroutine of the loop, the engine's number loop. Default: none.
	Handler func(loop, i int) Handler
	// Notice hears details of connection i beyond the counts, on a loop's goroutine: each wording
	// once for each loop, and a bounded number. Default: nothing.
	Notice func(i int, n Notice)
	// OnExhausted. Default Fail.
	OnExhausted Exhausted
}

const defaultRetryDelay = time.Second

// server is one of Servers, taken apart.
type server struct {
	endpoint engine.Endpoint
	path     string
	isStream bool // of events, instead of a WebSocket
}

// Check returns the error that Start would return for invalid options.
func (o Options) Check() error {
	_, _, err := o.withDefaults()
	return err
}

func (o Options) withDefaults() (Options, []server, error) {
	if o.Shards == 0 {
		o.Shards = 1
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = defaultRetryDelay
	}
	if o.OnExhausted == "" {
		o.OnExhausted = Fail
	}
	var servers []server
	for _, raw := range o.Servers {
		e, path, isStream, err := engine.ParseServer(raw)
		if err != nil {
			return o, nil, err
		}
		servers = append(servers, server{e, path, isStream})
	}
	switch p := o.Pace.(type) {
	case Rate:
		if !(p > 0) {
			return o, nil, fmt.Errorf("swarm: Pace: want a rate above 0 a second, got %v", float64(p))
		}
	case Batches:
		if p.Size < 1 || p.Delay < 0 {
			return o, nil, fmt.Errorf("swarm: Pace: want batches of at least 1 and a delay of at least 0, got %d and %v", p.Size, p.Delay)
		}
	case nil:
		return o, nil, errors.New("swarm: Pace: want a Rate or Batches")
	}
	switch {
	case len(servers) == 0:
		return o, nil, errors.New("swarm: Servers: want at least one URL")
	case slices.ContainsFunc(servers, func(s server) bool { return s.isStream != servers[0].isStream }):
		return o, nil, errors.New("swarm: Servers: want URLs of WebSockets or of event streams, got both")
	case o.Connections < 1:
		return o, nil, fmt.Errorf("swarm: Connections: want at least 1, got %d", o.Connections)
	case o.Shard < 0 || o.Shard >= o.Shards:
		return o, nil, fmt.Errorf("swarm: Shard: want 0 to %d, got %d", o.Shards-1, o.Shard)
	case o.StreamsPerConnection < 0:
		return o, nil, fmt.Errorf("swarm: StreamsPerConnection: want no negative number, got %d", o.StreamsPerConnection)
	case o.Retries < -1:
		return o, nil, fmt.Errorf("swarm: Retries: want -1 or more, got %d", o.Retries)
	case o.Deflate != nil && o.Deflate.Check() != nil:
		return o, nil, fmt.Errorf("swarm: %w", o.Deflate.Check())
	case o.RetryDelay < 0 || o.Hold < 0 || o.CloseOver < 0:
		return o, nil, errors.New("swarm: RetryDelay, Hold, CloseOver: want no negative time")
	case o.OnExhausted != Fail && o.OnExhausted != Continue:
		return o, nil, fmt.Errorf("swarm: OnExhausted: want %q or %q, got %q", Fail, Continue, o.OnExhausted)
	}
	return o, servers, nil
}

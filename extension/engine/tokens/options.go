// Package tokens makes requests whose answers are streams of tokens, as language models give
// them. It times each from when it was due to its first content, from there to the next, to its
// end. Every request ends in one of the ways of [Outcome]. Chunks are the received pieces; tokens
// are the ones that the server says it generated.
package tokens

import (
	"errors"
	"fmt"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/handshake"
)

// Options describes a Run. A zero field means the default.
type Options struct {
	Endpoint engine.Endpoint
	// EventStream: requests are HTTP requests whose answers are event streams.
	// Else they are WebSocket connections, of which each sends its body as a
	// message once it is open.
	EventStream bool
	// StreamsPerConnection makes requests streams of HTTP/2, of which at most this many share a
	// TCP connection at a time. Default 0: one of HTTP/1.1 each.
	StreamsPerConnection int
	// Request fills in what request n asks for, but for its body. Required.
	Request func(n int, r *handshake.Request)
	// Body is the body of request n. Required.
	Body func(n int) []byte
	// Format is what the answers look like. Required.
	Format Format

	// Rate is the requests in a second of all shards together, whatever became
	// of earlier ones; else Users.
	Rate float64
	// Users is how many make requests, of all shards together, each Think after
	// its last one ended. They begin evenly over Ramp.
	Users int
	Think time.Duration
	Ramp  time.Duration
	// For is how long requests fall due. Required.
	For time.Duration
	// Timeout is how long after its due time a stream may end. Default 60s.
	Timeout time.Duration

	// Stall is the least gap between two content events that is called a stall.
	// Default 1s.
	Stall time.Duration
	// CharactersPerToken estimates the tokens of a stream whose server does not
	// say. Default 4.
	CharactersPerToken float64
	// Good is what a request must keep to be a good one.
	Good Good

	Shard, Shards int
	// Notice hears what servers said about the failure of request n: once for each
	// loop and text.
	Notice func(n int, o Outcome, text string)
}

// Good are limits of one request; 0 means unlimited. A good request also finished.
type Good struct {
	FirstContent time.Duration // due time to the first content
	PerToken     time.Duration // time per output token
	Whole        time.Duration // due time to the end
}

func (o Options) withDefaults() (Options, error) {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Stall == 0 {
		o.Stall = time.Second
	}
	if o.CharactersPerToken == 0 {
		o.CharactersPerToken = 4
	}
	if o.Shards == 0 {
		o.Shards = 1
	}
	switch {
	case o.Request == nil || o.Body == nil:
		return o, errors.New("tokens: Request, Body: want both")
	case (o.Rate > 0) == (o.Users > 0):
		return o, errors.New("tokens: Rate, Users: want one of them")
	case o.For <= 0 || o.Timeout < 0 || o.Think < 0 || o.Ramp < 0 || o.Stall < 0:
		return o, errors.New("tokens: For, Timeout, Think, Ramp, Stall: want times above 0")
	case o.CharactersPerToken < 0:
		return o, errors.New("tokens: CharactersPerToken: want more than 0")
	case o.Shard < 0 || o.Shard >= o.Shards:
		return o, fmt.Errorf("tokens: Shard: want one of %d, got %d", o.Shards, o.Shard)
	}
	return o, nil
}

// due is when request n is due after the start, where requests come at a rate.
func (o *Options) due(n int) time.Duration {
	return time.Duration(float64(n) / o.Rate * float64(time.Second))
}

// first is when user n makes its first request after the start.
func (o *Options) first(n int) time.Duration {
	return time.Duration(float64(o.Ramp) * float64(n) / float64(o.Users))
}

// Package sse tests implementations of server-sent events (WHATWG HTML section
// 9.2), servers and clients. Results have the shape of those of package conform.
//
// A client is tested through a service around it. The service speaks the contract of the test
// services that clients in the field have: it opens a stream on request and calls back with the
// events. A server is tested by requests.
//
// Verdicts depend on the order of what happens. A timeout only ends a case in which the testee
// does nothing, or must do nothing.
package sse

import (
	"encoding/json"
	"sync"
	"time"

	"xk6-realtime/conform"
)

// Options tunes a run. A zero field means the default.
type Options struct {
	// Parallel is how many cases run at a time. Default 16.
	Parallel int
	// Silence ends a case in which the testee does nothing. Default
	// [conform.DefaultSilence].
	Silence time.Duration
	// Calm is how long a testee must do nothing where it must do nothing. Default
	// 2s.
	Calm time.Duration
	// Done hears of each result, from one goroutine at a time.
	Done func(conform.Result)
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = 16
	}
	if o.Silence <= 0 {
		o.Silence = conform.DefaultSilence
	}
	if o.Calm <= 0 {
		o.Calm = 2 * time.Second
	}
	return o
}

// Listed is what is said of a case before it runs.
type Listed struct {
	ID, Title, Spec string
	// HTTP is the only version of HTTP that the case can be played over, "1.1" or "2". Default:
	// both.
	HTTP string
}

const (
	parsing      = "WHATWG HTML 9.2.6"
	processing   = "WHATWG HTML 9.2.3"
	reconnecting = "WHATWG HTML 9.2.3, reestablish the connection"
	authoring    = "WHATWG HTML 9.2.7"
)

// wire is what moved, for a result.
type wire struct {
	began time.Time
	mu    sync.Mutex
	all   []conform.Entry
}

func newWire() *wire { return &wire{began: time.Now()} }

const mostEntries = 200

func (w *wire) add(from, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) < mostEntries {
		w.all = append(w.all, conform.Entry{AtMs: float64(time.Since(w.began).Microseconds()) / 1000, From: from, What: shorten(what), Bytes: len(what)})
	}
}

func (w *wire) entries() []conform.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]conform.Entry{}, w.all...)
}

func (w *wire) result(agent string, c Listed, v conform.Behavior, why string, expected, received []string) conform.Result {
	return conform.Result{
		Agent: agent, ID: c.ID, Title: c.Title, RFC: c.Spec,
		Verdict: conform.Verdict{Behavior: v, Why: why, Close: quietly(v), WhyClose: why},
		Started: w.began, DurationMs: float64(time.Since(w.began).Microseconds()) / 1000,
		Expected: expected, Received: received, Wire: w.entries(),
	}
}

// quietly is the verdict on the end of a connection, of which these cases have
// none of their own.
func quietly(v conform.Behavior) conform.Behavior {
	if v == conform.Informational || v == conform.Unimplemented {
		return v
	}
	return conform.OK
}

// shorten quotes a text, cut to what a line holds.
func shorten(text string) string {
	const most = 300
	more := ""
	if len(text) > most {
		text, more = text[:most], "…"
	}
	b, _ := json.Marshal(text)
	return string(b[1:len(b)-1]) + more
}

// each runs cases several at a time, in whatever order, and gives their results
// in the order of the cases.
func each[C any](cases []C, o Options, stopped func() bool, play func(c C) conform.Result) []conform.Result {
	results := make([]*conform.Result, len(cases))
	var mu sync.Mutex
	var all sync.WaitGroup
	places := make(chan struct{}, o.Parallel)
	for i, c := range cases {
		places <- struct{}{}
		if stopped() {
			break
		}
		all.Go(func() {
			defer func() { <-places }()
			r := play(c)
			if stopped() {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			results[i] = &r
			if o.Done != nil {
				o.Done(r)
			}
		})
	}
	all.Wait()
	ended := []conform.Result{}
	for _, r := range results {
		if r != nil {
			ended = append(ended, *r)
		}
	}
	return ended
}

// Package swarm opens many connections by a plan, holds them, closes them, and
// keeps exact account of what became of each.
package swarm

import (
	"sync"
	"sync/atomic"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/tally"
)

// Swarm is one shard of the connections of a run, spread over an engine's
// loops. Its methods may be called from any goroutine but a loop's.
type Swarm struct {
	engine    *engine.Engine
	o         Options
	servers   []server
	began     clock.Time
	shares    []*share
	unsettled atomic.Int32
	running   atomic.Int32
	hold      *engine.Timer // on the first share's loop
	settled   chan struct{}
	done      chan struct{}

	mu        sync.Mutex // guards what loops tell readers: held for a moment, for loops wait for it
	exhausted *ExhaustedError
	settledAt clock.Time

	reading sync.Mutex // guards what follows: held while waiting for loops, which never take it
	last    clock.Time
	window  *record
	total   *record
}

// Start starts a Swarm. The plan's time begins now.
func Start(e *engine.Engine, o Options) (*Swarm, error) {
	o, servers, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	engine.ReserveDescriptors(o.Connections / o.Shards)
	s := &Swarm{
		engine:  e,
		o:       o,
		servers: servers,
		began:   clock.Now(),
		settled: make(chan struct{}),
		done:    make(chan struct{}),
		window:  newRecord(),
		total:   newRecord(),
	}
	s.last = s.began
	loops := e.Loops()
	s.unsettled.Store(int32(len(loops)))
	s.running.Store(int32(len(loops)))
	for i, loop := range loops {
		s.shares = append(s.shares, &share{
			swarm:   s,
			loop:    loop,
			number:  i,
			records: tally.NewPair(newRecord),
			first:   o.Shard + i*o.Shards,
			step:    len(loops) * o.Shards,
		})
	}
	s.hold = loops[0].NewTimer(func(clock.Time) { s.Stop(o.CloseOver) })
	for _, sh := range s.shares {
		sh.loop.Do(sh.start)
	}
	return s, nil
}

// Settled is closed once every connection is open or given up.
func (s *Swarm) Settled() <-chan struct{} { return s.settled }

// Done is closed once every connection has ended.
func (s *Swarm) Done() <-chan struct{} { return s.done }

// Stop begins the planned end early. The connections close over the time
// given. Once they do, a further call hastens it, or does nothing.
func (s *Swarm) Stop(over time.Duration) {
	for _, sh := range s.shares {
		sh.loop.Do(func() { sh.stop(over) })
	}
	s.shares[0].loop.Do(s.hold.Stop)
}

// shareSettled is called on a share's loop; the last one begins the hold.
func (s *Swarm) shareSettled() {
	if s.unsettled.Add(-1) > 0 {
		return
	}
	s.mu.Lock()
	s.settledAt = clock.Now()
	s.mu.Unlock()
	close(s.settled)
	s.shares[0].loop.Do(func() {
		if !s.shares[0].stopping {
			s.hold.Set(s.settledAt.Add(s.o.Hold))
		}
	})
}

func (s *Swarm) shareFinished() {
	if s.running.Add(-1) == 0 {
		close(s.done)
	}
}

// noteFailure is called on a share's loop.
func (s *Swarm) noteFailure(f engine.Failure, sh *share) {
	if f.Reason != engine.ReasonNoDescriptors && f.Reason != engine.ReasonNoPorts {
		return
	}
	s.mu.Lock()
	first := s.exhausted == nil
	if first {
		s.exhausted = &ExhaustedError{Reason: f.Reason, Open: sh.active * len(s.shares), Wanted: s.o.Connections}
	}
	s.mu.Unlock()
	if first && s.o.OnExhausted == Fail {
		s.Stop(0)
	}
}

// Window is what happened between two instants.
type Window struct {
	From, To clock.Time
	Counts
	// Active is how many connections are open at its end.
	Active int
	// Series has one Distribution for each Series, nil without values.
	Series []*hist.Distribution
}

// Snapshot takes what has happened since the last one. The loops go on
// recording meanwhile.
func (s *Swarm) Snapshot() *Window {
	s.reading.Lock()
	defer s.reading.Unlock()
	w := &Window{From: s.last}
	for _, sh := range s.shares {
		var written *record
		sh.loop.Look(func() {
			written = sh.take()
			w.Active += sh.active
		})
		written.moveTo(s.window)
	}
	s.last = clock.Now()
	w.To = s.last
	w.Counts = newCounts()
	tally.Add(&w.Counts, &s.window.Counts)
	w.Series = s.window.series.Distributions()
	s.window.moveTo(s.total)
	return w
}

// Result is how a Swarm went as a whole.
type Result struct {
	Window
	Wanted int // connections of this shard
	// Reached is how many of them were ever open. Opened counts one that its
	// handler opens again each time.
	Reached int
	// Settled is when every connection was open or given up, 0 if never.
	Settled clock.Time
	// Exhausted is an *ExhaustedError when this machine gave no more.
	Exhausted error
	total     *record
}

// Quantile is the value that a share q of all values of a series does not
// exceed; 0 without values.
func (r *Result) Quantile(series Series, q float64) time.Duration {
	if h := r.total.series[series]; h != nil {
		return h.Quantile(q)
	}
	return 0
}

// Result takes what has happened since the last Snapshot, and returns it with
// all before. Call it when the Swarm is done.
func (s *Swarm) Result() *Result {
	w := s.Snapshot()
	s.reading.Lock()
	defer s.reading.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Result{Window: Window{From: s.began, To: w.To, Active: w.Active}, Settled: s.settledAt, total: s.total}
	r.Counts = newCounts()
	tally.Add(&r.Counts, &s.total.Counts)
	r.Series = s.total.series.Distributions()
	for _, sh := range s.shares {
		r.Wanted += sh.size()
		r.Reached += sh.reached
	}
	if s.exhausted != nil {
		r.Exhausted = s.exhausted
	}
	return r
}

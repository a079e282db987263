package binding

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"

	"xk6-realtime/engine"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/tokens"
)

// tokenStreams is TokenStreams as a script holds it.
type tokenStreams struct {
	*instance
	options *tokenOptions
	running atomic.Bool
}

// tokenOutcome is how the shard of one VU went, as the promise of run gives it.
type tokenOutcome struct {
	Requests int64 `js:"requests"`
	Finished int64 `js:"finished"`
}

// newTokenStreams is the constructor of TokenStreams.
func (i *instance) newTokenStreams(call sobek.ConstructorCall) *sobek.Object {
	rt := i.vu.Runtime()
	o, err := readTokenOptions(call.Argument(0).Export())
	if err != nil {
		common.Throw(rt, err)
	}
	s := &tokenStreams{instance: i, options: o}
	if err := call.This.Set("run", s.run); err != nil {
		common.Throw(rt, err)
	}
	return nil
}

// run makes the requests of the VU's shard. The promise settles when all have
// ended.
func (s *tokenStreams) run() *sobek.Promise {
	rt := s.vu.Runtime()
	sh, err := s.start()
	if err != nil {
		common.Throw(rt, err)
	}
	promise, resolve, reject := rt.NewPromise()
	settle := s.vu.RegisterCallback()
	ctx := s.vu.Context()
	go func() {
		result, err := sh.drive(ctx)
		s.process.release()
		s.running.Store(false)
		settle(func() error {
			if err != nil {
				return reject(rt.ToValue(rt.NewGoError(err)))
			}
			return resolve(result)
		})
	}()
	return promise
}

func (s *tokenStreams) start() (*tokenShard, error) {
	state := s.vu.State()
	if state == nil {
		return nil, errors.New("TokenStreams.run: expected to be called by a virtual user, was called in the init context")
	}
	o := s.options
	number, scenario, err := s.shardNumber(state, "TokenStreams", o.swarm.Shards)
	if err != nil {
		return nil, err
	}
	if _, err := proxyFor(o.tokens.Endpoint); err != nil {
		return nil, fmt.Errorf("TokenStreams.server: %w", err)
	}
	o.request.setUserAgent(state.Options.UserAgent.String)
	if !s.running.CompareAndSwap(false, true) {
		return nil, errors.New("TokenStreams.run: these are running already")
	}
	e, err := s.process.useEngine(state, &o.options)
	if err != nil {
		s.running.Store(false)
		return nil, err
	}
	t := o.tokens
	t.Shard = number
	t.Request = o.ask
	t.Body = func(n int) []byte { return o.bodies[n%len(o.bodies)].fill(n) }
	out := newTokenRecorder(s.instance, o)
	t.Notice = func(n int, outcome tokens.Outcome, text string) {
		out.hearOfTokens(outcome, text, o.request.value("token", n))
	}
	run, err := tokens.Start(e, t)
	if err != nil {
		s.process.release()
		s.running.Store(false)
		return nil, err
	}
	return &tokenShard{run: run, name: shardName{scenario, number}, process: s.process, out: out, atMost: t.For + t.Timeout}, nil
}

// ask fills in what request n asks for.
func (o *tokenOptions) ask(n int, r *handshake.Request) {
	o.request.fill(n, r)
	if !o.tokens.EventStream {
		return
	}
	r.Protocols = nil
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, "Content-Type") {
			return
		}
	}
	r.Fields = append(r.Fields, handshake.Field{Name: "Content-Type", Value: "application/json"})
}

// tokenShard is the running part of TokenStreams that one virtual user drives.
type tokenShard struct {
	run                *tokens.Run
	name               shardName
	process            *process
	out                *recorder
	atMost             time.Duration
	requests, finished int64
}

// drive tells k6 each second what happened, until every request has ended. An
// interruption ends them.
func (s *tokenShard) drive(ctx context.Context) (*tokenOutcome, error) {
	tick := time.NewTicker(pushEvery)
	defer tick.Stop()
	// Each request has its own time-out: this is for what has none, and a bug.
	overdue := time.NewTimer(s.atMost + endWithin)
	defer overdue.Stop()
	interrupted := ctx.Done()
	var failure error
	for {
		select {
		case <-tick.C:
			s.push()
		case <-interrupted:
			interrupted = nil
			failure = fmt.Errorf("TokenStreams: interrupted: %w", context.Cause(ctx))
			s.run.Stop()
		case <-overdue.C:
			s.run.Stop()
			overdue.Reset(endWithin)
			if failure != nil {
				s.push()
				return nil, failure
			}
			failure = errors.New("TokenStreams: requests had not ended after their time-out")
		case <-s.run.Done():
			s.push()
			if failure != nil {
				return nil, failure
			}
			return &tokenOutcome{s.requests, s.finished}, nil
		}
	}
}

func (s *tokenShard) push() {
	w := s.run.Snapshot()
	s.requests += w.Requests
	s.finished += w.Outcomes[tokens.Finished]
	s.out.tokenWindow(w)
	s.process.notices.log(s.out.logger)
	s.process.setActive(s.name, w.Active, s.out.activeTokenStreams)
}

// hearOfTokens is called on a loop's goroutine with what a server said about a
// failure, which may repeat the secrets of the request.
func (r *recorder) hearOfTokens(o tokens.Outcome, text string, secrets ...string) {
	if text == "" {
		return
	}
	r.process.notices.add("token "+o.String(), "a request failed ("+o.String()+"): "+peerText(text, secrets...))
}

// failureOfTokens is the reason that a request's failure counts by.
func (r *recorder) failureOfTokens(reason engine.Reason) string {
	name := listed(r.metrics.TokenFailures, "reason", reason.String())
	switch {
	case name == "other" && reason.OfProxy():
		return proxyStatusOffTheList
	case name == "other" && reason >= 100:
		return statusOffTheList
	}
	return name
}

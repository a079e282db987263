package binding

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"

	"xk6-realtime/engine/tokens"
)

// tokenStreams is TokenStreams as a script holds it.
type tokenStreams struct {
	runner
	options *tokenOptions
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
	s := &tokenStreams{runner: runner{instance: i, of: "TokenStreams", itself: "these are"}, options: o}
	if err := call.This.Set("run", s.run); err != nil {
		common.Throw(rt, err)
	}
	return nil
}

// run makes the requests of the VU's shard.
func (s *tokenStreams) run() *sobek.Promise {
	sh, err := s.start()
	if err != nil {
		common.Throw(s.vu.Runtime(), err)
	}
	return drive(&s.runner, sh.drive)
}

func (s *tokenStreams) start() (*tokenShard, error) {
	o := s.options
	name, err := s.shard(o.swarm.Shards)
	if err != nil {
		return nil, err
	}
	if _, err := proxyFor(o.tokens.Endpoint); err != nil {
		return nil, fmt.Errorf("TokenStreams.server: %w", err)
	}
	o.request.setUserAgent(s.vu.State().Options.UserAgent.String)
	e, err := s.begin(&o.options)
	if err != nil {
		return nil, err
	}
	t := o.tokens
	t.Shard = name.index
	t.Request = o.request.fill
	t.Body = func(n int) []byte { return o.bodies[n%len(o.bodies)].fill(n) }
	out := newTokenRecorder(s.instance, o)
	t.Notice = func(n int, outcome tokens.Outcome, text string) {
		out.hearOfTokens(outcome, text, o.request.value(tokenVariable, n))
	}
	run, err := tokens.Start(e, t)
	if err != nil {
		s.end()
		return nil, err
	}
	return &tokenShard{run: run, name: name, process: s.process, out: out, atMost: t.For + t.Timeout}, nil
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
	// Each request has its own timeout: this one is for a request without, and for a bug.
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
			failure = errors.New("TokenStreams: requests had not ended after their timeout")
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
	s.out.tellAll() // few: one for each request
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

package binding

import (
	"context"
	"fmt"
	"time"

	"xk6-realtime/engine/swarm"
)

const (
	// pushEvery is how often k6 is told.
	pushEvery = time.Second
	// endWithin is how long after the bound on closing a shard may take to end.
	endWithin = 2 * time.Second
)

// shard is the running part of a Swarm that one virtual user drives.
type shard struct {
	swarm        *swarm.Swarm
	activity     activity       // nil where the connections are only held
	checked      *shardContract // nil where no messages are checked
	name         shardName
	options      *options
	closeTimeout time.Duration
	process      *process
	out          *recorder
	desk         *loginDesk // nil where no logins come first
}

// drive tells k6 each second what happened, until all connections have ended.
// An interruption begins the end, which is bounded.
func (s *shard) drive(ctx context.Context) (*outcome, error) {
	defer s.desk.close()
	tick := time.NewTicker(pushEvery)
	defer tick.Stop()
	portion := time.NewTicker(portionEvery)
	defer portion.Stop()
	overdue := time.NewTimer(s.options.reachWithin)
	defer overdue.Stop()
	reached, interrupted := s.swarm.Settled(), ctx.Done()
	var tooLate <-chan time.Time
	var failure error
	var refusals swarm.Refusals
	stopActivity := make(chan struct{})
	done := s.drivenBy(stopActivity)
	end := func(why error) {
		if failure == nil {
			failure = why
			close(stopActivity)
		}
		interrupted = nil
		if done == nil { // else the activity stops it, once it knows of its own end
			s.swarm.Stop(0)
		}
		tooLate = time.After(s.closeTimeout + endWithin)
	}
	for {
		select {
		case <-s.out.whileUntold(portion.C):
			s.out.tellPortion()
		case <-tick.C:
			w := s.swarm.Snapshot()
			s.push(w)
			if reached != nil && failure == nil && s.mayGiveUp() && refusals.Certain(w, s.options.swarm.Connections-w.Active) {
				end(fmt.Errorf("Swarm: the server refuses all further connections: %d of %d are open",
					w.Active, s.options.swarm.Connections))
			}
		case err := <-done:
			done = nil
			if err != nil && failure == nil {
				failure = fmt.Errorf("Swarm: %w", err)
			}
		case <-reached:
			reached = nil
			overdue.Stop()
		case <-overdue.C:
			end(fmt.Errorf("Swarm: not all connections were open after %s (reachWithinMs)", s.options.reachWithin))
		case <-interrupted:
			end(fmt.Errorf("Swarm: interrupted: %w", context.Cause(ctx)))
		case <-s.swarm.Done():
			return s.finish(ctx, failure)
		case <-tooLate:
			s.push(s.swarm.Snapshot()) // what is known
			s.out.tellAll()
			return nil, fmt.Errorf("Swarm: its connections had not ended %s after they were told to", s.closeTimeout+endWithin)
		}
	}
}

// mayGiveUp tells whether the shard ends early if its server takes no more connections: a step of a
// growing load does, unless somebody has said how often to retry.
func (s *shard) mayGiveUp() bool {
	o := &s.options.swarm
	return s.options.step != "" && o.Shards <= 1 && o.Retries < 0
}

// finish accounts for the last moments and for the run as a whole.
func (s *shard) finish(ctx context.Context, failure error) (*outcome, error) {
	s.push(s.swarm.Snapshot())
	s.out.tellAll()
	r := s.swarm.Result()
	o := &outcome{Wanted: r.Wanted, Opened: r.Reached}
	for _, n := range r.Drops {
		o.Dropped += n
	}
	if r.Settled != 0 && r.Wanted == r.Reached {
		o.ReachedInMs = milliseconds(r.Settled.Sub(r.From))
	}
	s.out.ended(r, ctx.Err() != nil)
	if failure == nil {
		failure = s.exhausted(r)
	}
	s.out.step.ended(failure, ctx.Err() != nil)
	return o, failure
}

func (s *shard) exhausted(r *swarm.Result) error {
	if r.Exhausted == nil || s.options.swarm.OnExhausted != swarm.Fail {
		return nil
	}
	return fmt.Errorf("Swarm: %w", r.Exhausted)
}

func (s *shard) push(w *swarm.Window) {
	s.out.window(w)
	s.process.setActive(s.name, w.Active, s.out.active)
	if s.activity != nil {
		s.activity.push(s.out)
	}
	if s.checked != nil {
		s.checked.push(s.out)
	}
	s.process.notices.log(s.out.logger)
}

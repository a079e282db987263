package probing

import (
	"errors"
	"sync/atomic"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
	"xk6-realtime/engine/tally"
)

// lookEvery is how often is looked whether replies are still awaited.
const lookEvery = 20 * time.Millisecond

// Run is one shard of the probing: the Handlers of a Swarm that holds its
// connections.
type Run struct {
	o      Options
	loops  []*loop
	window *record      // of the reader
	ends   atomic.Int64 // clock.Time from which no probe falls due; 0: not known yet
}

// loop is what a Run keeps for one loop of the engine. It is used on that
// loop's goroutine.
type loop struct {
	run        *Run
	loop       *engine.Loop
	interpret  *protocol.Interpreter
	records    tally.Pair[record]
	probers    []*prober
	complaints protocol.Complaints
	awaiting   int // connections that await a reply, or their next probe
	id         []byte
}

// New makes a Run for the loops of an engine.
func New(e *engine.Engine, o Options) (*Run, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Run{o: o, window: newRecord(o.Protocol)}
	pieces := protocol.Pieces{MessageBytes: int(e.Options().MessageBytes), Memory: e.Buffer()}
	for i, at := range e.Loops() {
		interpret := o.Protocol.NewInterpreter(o.Timeout, unix, pieces)
		interpret.CheckBy(o.Checking.Loop(i))
		r.loops = append(r.loops, &loop{
			run:        r,
			loop:       at,
			interpret:  interpret,
			records:    tally.NewPair(func() *record { return newRecord(o.Protocol) }),
			complaints: protocol.Complaints{Hear: o.Complain, HearUnsent: o.Unwritable},
		})
	}
	return r, nil
}

// end is when probes stop to fall due.
func (r *Run) end() clock.Time {
	if ends := clock.Time(r.ends.Load()); ends != 0 {
		return ends
	}
	return never
}

// missUntil counts the probes that fall due on connections without a session.
func (l *loop) missUntil(now clock.Time) {
	until := min(now, l.run.end())
	for _, p := range l.probers {
		if p.downSince != 0 {
			p.miss(until)
		}
	}
}

// unix is an instant in nanoseconds since 1970.
func unix(at clock.Time) int64 { return clock.ReadWall().UnixNano(at) }

// Handler is for [swarm.Options].
func (r *Run) Handler(loop, i int) swarm.Handler {
	l := r.loops[loop]
	p := &prober{loop: l, number: int32(i)}
	l.probers = append(l.probers, p)
	return p
}

// ErrStopped: the swarm ended before the probing did.
var ErrStopped = errors.New("probing: the connections ended before the probes did")

// Drive waits until the swarm's connections are open, and has them probe for the given time. Then
// it waits for the last replies and begins the swarm's end. Closing stop begins that end at once.
func (r *Run) Drive(s *swarm.Swarm, stop <-chan struct{}) error {
	defer s.Stop(0)
	defer func() { r.ends.Store(int64(min(r.end(), clock.Now()))) }()
	wait := func(until <-chan struct{}, limit <-chan time.Time) (ended bool, err error) {
		select {
		case <-stop:
			return true, nil
		case <-s.Done():
			return true, ErrStopped
		case <-until:
		case <-limit:
		}
		return false, nil
	}
	if ended, err := wait(s.Settled(), nil); ended {
		return err
	}
	r.ends.Store(int64(clock.Now().Add(r.o.For)))
	if ended, err := wait(nil, time.After(r.o.For)); ended {
		return err
	}
	for last := time.Now().Add(r.o.Timeout); r.awaiting() > 0 && time.Now().Before(last); {
		if ended, err := wait(nil, time.After(lookEvery)); ended {
			return err
		}
	}
	return nil
}

func (r *Run) awaiting() (connections int) {
	for _, l := range r.loops {
		l.loop.Await(func() { connections += l.awaiting })
	}
	return connections
}

package fanout

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/ledger"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
	"xk6-realtime/engine/tally"
)

const (
	// startAfter is how long before the first publication its publisher is
	// told.
	startAfter = 100 * time.Millisecond
	// lookEvery is how often is looked whether all have what they wait for.
	lookEvery = 50 * time.Millisecond
)

// Run is one shard of a fan-out: the Handlers of a Swarm that holds its
// connections.
type Run struct {
	o       Options
	rooms   []*ledger.Room    // of the shard
	streams []*ledger.Stream  // of the shard's publishers
	spreads []*ledger.Spreads // likewise
	loops   []*loop
	window  *record // of the reader

	stampSeries []Series // what the server's stamps are good for

	began   atomic.Int64 // clock.Time of the first publication, 0 before
	ends    atomic.Int64 // clock.Time of the end of publishing
	leaving atomic.Bool  // all are about to leave
	stopped atomic.Int64 // clock.Time at which this side stopped waiting for what was still to come, 0 if it did not
}

// loop is what a Run keeps for one loop of the engine. It is used on that
// loop's goroutine.
type loop struct {
	run        *Run
	loop       *engine.Loop
	interpret  *protocol.Interpreter
	publishing *protocol.Interpreter // of publishers; interpret unless they have a protocol of their own
	records    tally.Pair[record]
	arrivals   []*ledger.Arrivals // by publisher of the shard
	ears       []*ledger.Ear      // by room of the shard, where subscribers are compared
	finest     Resolution         // of the server's stamps, as far as they show
	coarse     *hist.Histogram    // lags by stamps that do not show to tell any
	members    []*member
	complaints protocol.Complaints
	now        clock.Time // of the message that is being read
	wall       clock.Wall
	idBuffer   []byte
	churner    *engine.Timer
	nextChurn  clock.Time
	churnAt    int // the member whose turn it is to leave
}

// New makes a Run for the loops of an engine.
func New(e *engine.Engine, o Options) (*Run, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := o.Plan
	r := &Run{o: o, window: newRecord(), stampSeries: []Series{ServerLag}}
	if r.listens() {
		// They are all that is known of when something was published.
		r.stampSeries = append(r.stampSeries, Lag)
	}
	for rooms := p.Rooms / p.Shards; len(r.rooms) < rooms; {
		if r.compares() {
			r.rooms = append(r.rooms, newListeningRoom(rooms))
		} else {
			r.rooms = append(r.rooms, ledger.NewRoom(p.Publishers/p.Rooms, o.remember()))
		}
	}
	for i := p.Shard; i < p.Publishers; i += p.Shards {
		s := r.room(i % p.Rooms).Streams()[i/p.Rooms]
		r.streams = append(r.streams, s)
		r.spreads = append(r.spreads, s.NewSpreads(o.Timeout))
	}
	pieces := protocol.Pieces{MessageBytes: int(e.Options().MessageBytes), Memory: e.Buffer()}
	for i, at := range e.Loops() {
		l := &loop{run: r, loop: at, records: tally.NewPair(newRecord), coarse: hist.New()}
		l.complaints.Hear, l.complaints.HearUnsent = o.Complain, o.Unwritable
		l.interpret = o.Protocol.NewInterpreter(o.Timeout, l.unix, pieces)
		l.publishing = l.interpret
		if o.Publishing != o.Protocol {
			l.publishing = o.Publishing.NewInterpreter(o.Timeout, l.unix, pieces)
		}
		for _, interpret := range []*protocol.Interpreter{l.interpret, l.publishing} {
			interpret.CheckBy(o.Checking.Loop(i))
		}
		for _, s := range r.streams {
			l.arrivals = append(l.arrivals, s.NewArrivals())
		}
		if r.compares() {
			for _, room := range r.rooms {
				l.ears = append(l.ears, room.NewEar())
			}
		}
		l.churner = at.NewTimer(l.churn)
		r.loops = append(r.loops, l)
	}
	return r, nil
}

// room is the ledger's of a room, counted over all shards.
func (r *Run) room(room int) *ledger.Room { return r.rooms[r.indexOf(int32(room))] }

// indexOf is the number of a room among those of the shard.
func (r *Run) indexOf(room int32) int { return int(room) / r.o.Plan.Shards }

// Handler is for [swarm.Options].
func (r *Run) Handler(loop, i int) swarm.Handler {
	l := r.loops[loop]
	m := &member{loop: l, number: int32(i), room: int32(r.o.Plan.RoomOf(i))}
	if r.o.Plan.IsPublisher(i) {
		m.publisher = &publisher{number: r.o.Plan.publisher(i)}
		m.publisher.stream = r.streams[m.publisher.number/r.o.Plan.Shards]
	}
	l.members = append(l.members, m)
	return m
}

// ErrStopped: the swarm ended before the fan-out did.
var ErrStopped = errors.New("fanout: the connections ended before the publications did")

// Drive waits until the swarm's connections are open and subscribed, and has them publish and
// receive. Then it waits for the last deliveries and begins the swarm's end. Closing stop begins
// that end at once.
func (r *Run) Drive(s *swarm.Swarm, stop <-chan struct{}) error {
	defer s.Stop(0)
	defer r.leaving.Store(true)
	// wait ends early, and for good, when the run is stopped.
	wait := func(done <-chan struct{}, limit <-chan time.Time) (ended bool, err error) {
		select {
		case <-stop:
			r.stopped.Store(int64(clock.Now()))
			return true, nil
		case <-s.Done():
			return true, ErrStopped
		case <-done:
		case <-limit:
		}
		return false, nil
	}
	// until waits for a condition that is looked at now and then.
	until := func(holds func(*member) bool, deadline time.Time) (ended bool, err error) {
		for !r.all(holds) && time.Now().Before(deadline) {
			if ended, err = wait(nil, time.After(lookEvery)); ended {
				return ended, err
			}
		}
		return false, nil
	}
	if ended, err := wait(s.Settled(), nil); ended {
		return err
	}
	// Each step of a session has its own bound, and what fails is counted.
	if ended, err := until((*member).isDecided, farFuture()); ended {
		return err
	}
	r.begin()
	if ended, err := wait(nil, time.After(startAfter+r.o.For)); ended {
		return err
	}
	if r.compares() {
		r.leaveAll()
	}
	_, err := until((*member).isComplete, time.Now().Add(r.o.Timeout))
	return err
}

func farFuture() time.Time { return time.Now().Add(24 * time.Hour) }

// begin starts publishing and churn.
func (r *Run) begin() {
	start := clock.Now().Add(startAfter)
	r.ends.Store(int64(start.Add(r.o.For)))
	r.began.Store(int64(start))
	for _, l := range r.loops {
		l.loop.Do(func() { l.begin(start) })
	}
}

// all tells whether something holds for every member.
func (r *Run) all(holds func(*member) bool) bool {
	all := true
	for _, l := range r.loops {
		l.loop.Await(func() { all = all && !slices.ContainsFunc(l.members, func(m *member) bool { return !holds(m) }) })
	}
	return all
}

func (l *loop) begin(start clock.Time) {
	for _, m := range l.members {
		if p := m.publisher; p != nil {
			p.next = start.Add(l.run.o.Plan.offset(p.number))
			if m.conn == nil {
				m.forsake()
			}
			m.wait()
		}
	}
	if l.run.o.Churn > 0 && len(l.members) > 0 {
		l.nextChurn = start
		l.churner.Set(start)
	}
}

// churn makes those subscribers leave whose turn it is.
func (l *loop) churn(now clock.Time) {
	every := time.Duration(float64(len(l.run.loops)) / l.run.o.Churn * float64(time.Second))
	for l.nextChurn <= now {
		l.nextChurn = l.nextChurn.Add(every)
		for range l.members {
			m := l.members[l.churnAt%len(l.members)]
			l.churnAt++
			if m.publisher == nil && m.leave() {
				break
			}
		}
	}
	if l.nextChurn < clock.Time(l.run.ends.Load()) {
		l.churner.Set(l.nextChurn)
	}
}

// unix is an instant in nanoseconds since 1970.
func (l *loop) unix(at clock.Time) int64 { return l.wallAt(at).UnixNano(at) }

// fromUnix is the instant of a message's stamp in milliseconds since 1970.
func (l *loop) fromUnix(ms float64) clock.Time {
	return l.wallAt(l.now).Time(int64(ms * 1e6))
}

// wallAt reads the wall clock at most ten times a second.
func (l *loop) wallAt(now clock.Time) clock.Wall {
	if l.wall == (clock.Wall{}) || now.Sub(l.wall.Read) >= 100*time.Millisecond {
		l.wall = clock.ReadWall()
	}
	return l.wall
}

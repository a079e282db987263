package tokens

import (
	"container/heap"
	"maps"
	"sync"
	"sync/atomic"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/tally"
)

// Run is one shard of the requests of a load, spread over an engine's loops. Its
// methods may be called from any goroutine but a loop's.
type Run struct {
	o       Options
	format  *compiled
	began   clock.Time
	shares  []*share
	running atomic.Int32
	done    chan struct{}

	reading sync.Mutex // guards window
	window  *record
}

// Start starts a Run. Its time begins now.
func Start(e *engine.Engine, o Options) (*Run, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	format, err := o.Format.compile()
	if err != nil {
		return nil, err
	}
	engine.ReserveDescriptors(o.mostAtOnce())
	r := &Run{o: o, format: format, began: clock.Now(), done: make(chan struct{}), window: newRecord()}
	loops := e.Loops()
	r.running.Store(int32(len(loops)))
	for i, loop := range loops {
		r.shares = append(r.shares, &share{
			run: r, loop: loop, reader: format.NewReader(), records: tally.NewPair(newRecord),
			first: o.Shard + i*o.Shards, step: len(loops) * o.Shards,
			dial: engine.Dial{Endpoint: o.Endpoint, EventStream: o.EventStream, StreamsPerConnection: o.StreamsPerConnection},
		})
	}
	for _, sh := range r.shares {
		sh.loop.Do(sh.start)
	}
	return r, nil
}

// mostAtOnce is how many connections a server may keep open at most that answers
// late.
func (o *Options) mostAtOnce() int {
	const most = 100_000
	if o.Users > 0 {
		return o.Users/o.Shards + 1
	}
	return int(min(o.Rate/float64(o.Shards)*o.Timeout.Seconds(), most)) + 1
}

// Done is closed once every request has ended.
func (r *Run) Done() <-chan struct{} { return r.done }

// Stop lets nothing more fall due, and ends what is under way.
func (r *Run) Stop() {
	for _, sh := range r.shares {
		sh.loop.Do(sh.stop)
	}
}

func (r *Run) shareFinished() {
	if r.running.Add(-1) == 0 {
		close(r.done)
	}
}

// Snapshot takes what has happened since the last one. The loops go on
// meanwhile.
func (r *Run) Snapshot() *Window {
	r.reading.Lock()
	defer r.reading.Unlock()
	w := &Window{}
	for _, sh := range r.shares {
		var written *record
		sh.loop.Look(func() {
			written = sh.take()
			w.Active += len(sh.active)
		})
		written.moveTo(r.window)
	}
	w.Counts = r.window.Counts
	w.Refusals = maps.Clone(w.Refusals)
	clear(r.window.Refusals)
	r.window.Counts = Counts{Refusals: r.window.Refusals}
	w.Series = r.window.series.Take()
	return w
}

// share is the requests of a Run that one loop drives, on that loop's goroutine.
type share struct {
	run     *Run
	loop    *engine.Loop
	reader  *protocol.ShapeReader
	records tally.Pair[record]
	traffic engine.Traffic
	dial    engine.Dial
	timer   *engine.Timer

	first, step int // requests, or users, first, first+step, … are this share's
	next        int // requests begun, or users
	thinking    userQueue
	active      map[*request]struct{}
	stopping    bool
	finished    bool
	told        map[string]bool
}

func (sh *share) start() {
	sh.active = map[*request]struct{}{}
	sh.told = map[string]bool{}
	sh.dial.Traffic = &sh.traffic
	sh.traffic.ReceiveDelay = sh.records.Now.series.Of(ReceiveDelay)
	sh.timer = sh.loop.NewTimer(sh.begin)
	if sh.run.o.Users > 0 {
		for n := sh.first; n < sh.run.o.Users; n += sh.step {
			heap.Push(&sh.thinking, sh.run.began.Add(sh.run.o.first(n)))
		}
	}
	sh.begin(clock.Now())
}

// take hands over the record that was written, and accounts for the bytes.
func (sh *share) take() *record {
	r := sh.records.Now
	t := &sh.traffic
	r.BytesSent, r.BytesReceived, r.Uncertain = t.Sent, t.Received, t.Uncertain
	t.Sent, t.Received, t.Uncertain = 0, 0, 0
	sh.records.Swap()
	t.ReceiveDelay = sh.records.Now.series.Of(ReceiveDelay)
	return r
}

// startsEach is how many requests a share begins before its loop looks to the
// others again.
const startsEach = 16

// begin begins the due requests, and sets the timer for the next one.
func (sh *share) begin(now clock.Time) {
	for n := 0; ; n++ {
		due, any := sh.nextDue()
		if !any {
			sh.settle()
			return
		}
		if due > now || n == startsEach {
			sh.timer.Set(max(due, now))
			return
		}
		sh.request(due)
	}
}

// nextDue is when the next request is due, if one is still to come.
func (sh *share) nextDue() (due clock.Time, any bool) {
	o := &sh.run.o
	if sh.stopping {
		return 0, false
	}
	if o.Users > 0 {
		if len(sh.thinking) == 0 {
			return 0, false
		}
		due = sh.thinking[0]
	} else {
		due = sh.run.began.Add(o.due(sh.first + sh.next*sh.step))
	}
	return due, due < sh.run.began.Add(o.For)
}

// request begins the request that is due.
func (sh *share) request(due clock.Time) {
	o := &sh.run.o
	n := sh.first + sh.next*sh.step
	sh.next++
	if o.Users > 0 {
		heap.Pop(&sh.thinking)
	}
	sh.records.Now.Requests++
	r := &request{share: sh, number: n, due: due}
	sh.active[r] = struct{}{}
	sh.dial.Due = due
	sh.dial.Request = r.fill
	r.conn = sh.loop.Dial(&sh.dial, r)
	r.timeout = sh.loop.NewTimer(r.late)
	r.timeout.Set(due.Add(o.Timeout))
}

// ended is called once for each request: its user thinks about the next.
func (sh *share) ended(at clock.Time) {
	if sh.run.o.Users > 0 {
		heap.Push(&sh.thinking, at.Add(sh.run.o.Think))
		if due, any := sh.nextDue(); any {
			sh.timer.Set(due)
		}
	}
}

// gone is called once for each request, when its connection is over.
func (sh *share) gone(r *request) {
	delete(sh.active, r)
	sh.settle()
}

// settle tells the Run once nothing is under way, nor to come.
func (sh *share) settle() {
	if sh.finished || len(sh.active) > 0 {
		return
	}
	if _, any := sh.nextDue(); any {
		return
	}
	sh.finished = true
	sh.run.shareFinished()
}

func (sh *share) stop() {
	sh.stopping = true
	for r := range sh.active {
		r.stop()
	}
	sh.settle()
}

func (sh *share) tell(n int, o Outcome, text string) {
	const kinds = 20
	key := o.String() + ": " + text
	if sh.run.o.Notice == nil || sh.told[key] || len(sh.told) == kinds {
		return
	}
	sh.told[key] = true
	sh.run.o.Notice(n, o, text)
}

// userQueue is when users make their next requests, the earliest first; see
// container/heap.
type userQueue []clock.Time

func (q userQueue) Len() int           { return len(q) }
func (q userQueue) Less(i, j int) bool { return q[i] < q[j] }
func (q userQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *userQueue) Push(at any)       { *q = append(*q, at.(clock.Time)) }
func (q *userQueue) Pop() any {
	last := len(*q) - 1
	at := (*q)[last]
	*q = (*q)[:last]
	return at
}

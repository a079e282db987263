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
	parts   []*part
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
		r.parts = append(r.parts, &part{
			run: r, loop: loop, reader: format.NewReader(), records: tally.NewPair(newRecord),
			first: o.Shard + i*o.Shards, step: len(loops) * o.Shards,
			dial: engine.Dial{Endpoint: o.Endpoint, EventStream: o.EventStream, StreamsPerConnection: o.StreamsPerConnection},
		})
	}
	for _, p := range r.parts {
		p.loop.Do(p.start)
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
	for _, p := range r.parts {
		p.loop.Do(p.stop)
	}
}

func (r *Run) partFinished() {
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
	for _, p := range r.parts {
		var written *record
		p.loop.Look(func() {
			written = p.take()
			w.Active += len(p.active)
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

// part is the share of a Run that one loop drives, on that loop's goroutine.
type part struct {
	run     *Run
	loop    *engine.Loop
	reader  *protocol.ShapeReader
	records tally.Pair[record]
	traffic engine.Traffic
	dial    engine.Dial
	timer   *engine.Timer

	first, step int // requests, or users, first, first+step, … are this part's
	next        int // requests begun, or users
	thinking    userQueue
	active      map[*request]struct{}
	stopping    bool
	finished    bool
	told        map[string]bool
}

func (p *part) start() {
	p.active = map[*request]struct{}{}
	p.told = map[string]bool{}
	p.dial.Traffic = &p.traffic
	p.traffic.ReceiveDelay = p.records.Now.series.Of(ReceiveDelay)
	p.timer = p.loop.NewTimer(p.begin)
	if p.run.o.Users > 0 {
		for n := p.first; n < p.run.o.Users; n += p.step {
			heap.Push(&p.thinking, p.run.began.Add(p.run.o.first(n)))
		}
	}
	p.begin(clock.Now())
}

// take hands over the record that was written, and accounts for the bytes.
func (p *part) take() *record {
	r := p.records.Now
	t := &p.traffic
	r.BytesSent, r.BytesReceived, r.Uncertain = t.Sent, t.Received, t.Uncertain
	t.Sent, t.Received, t.Uncertain = 0, 0, 0
	p.records.Swap()
	t.ReceiveDelay = p.records.Now.series.Of(ReceiveDelay)
	return r
}

// startsEach is how many requests a part begins before its loop looks to the
// others again.
const startsEach = 16

// begin begins the due requests, and sets the timer for the next one.
func (p *part) begin(now clock.Time) {
	for n := 0; ; n++ {
		due, any := p.nextDue()
		if !any {
			p.settle()
			return
		}
		if due > now || n == startsEach {
			p.timer.Set(max(due, now))
			return
		}
		p.request(due)
	}
}

// nextDue is when the next request is due, if one is still to come.
func (p *part) nextDue() (due clock.Time, any bool) {
	o := &p.run.o
	if p.stopping {
		return 0, false
	}
	if o.Users > 0 {
		if len(p.thinking) == 0 {
			return 0, false
		}
		due = p.thinking[0]
	} else {
		due = p.run.began.Add(o.due(p.first + p.next*p.step))
	}
	return due, due < p.run.began.Add(o.For)
}

// request begins the request that is due.
func (p *part) request(due clock.Time) {
	o := &p.run.o
	n := p.first + p.next*p.step
	p.next++
	if o.Users > 0 {
		heap.Pop(&p.thinking)
	}
	p.records.Now.Requests++
	r := &request{part: p, number: n, due: due}
	p.active[r] = struct{}{}
	p.dial.Due = due
	p.dial.Request = r.fill
	r.conn = p.loop.Dial(&p.dial, r)
	r.timeout = p.loop.NewTimer(r.late)
	r.timeout.Set(due.Add(o.Timeout))
}

// ended is called once for each request: its user thinks about the next.
func (p *part) ended(at clock.Time) {
	if p.run.o.Users > 0 {
		heap.Push(&p.thinking, at.Add(p.run.o.Think))
		if due, any := p.nextDue(); any {
			p.timer.Set(due)
		}
	}
}

// gone is called once for each request, when its connection is over.
func (p *part) gone(r *request) {
	delete(p.active, r)
	p.settle()
}

// settle tells the Run once nothing is under way, nor to come.
func (p *part) settle() {
	if p.finished || len(p.active) > 0 {
		return
	}
	if _, any := p.nextDue(); any {
		return
	}
	p.finished = true
	p.run.partFinished()
}

func (p *part) stop() {
	p.stopping = true
	for r := range p.active {
		r.stop()
	}
	p.settle()
}

func (p *part) tell(n int, o Outcome, text string) {
	const kinds = 20
	key := o.String() + ": " + text
	if p.run.o.Notice == nil || p.told[key] || len(p.told) == kinds {
		return
	}
	p.told[key] = true
	p.run.o.Notice(n, o, text)
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

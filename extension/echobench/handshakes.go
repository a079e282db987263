package echobench

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
)

// handshakes is an instance's share of a case of opening handshakes with one
// server. Each connection is closed as soon as it is open. In a closed load as
// many are there at once as the case has connections, and the next begins when
// one is gone.
type handshakes struct {
	Case
	Instance
	own   int // connections of this instance
	began clock.Time
	lanes []*lane
	ended chan string   // from each lane that is done: why it failed, "" if it did not
	gone  chan struct{} // from each whose connections are all gone, once it is cleared
}

// lane is what one loop has of it, used on that loop's goroutine.
type lane struct {
	*handshakes
	number  int // among the lanes
	loop    *engine.Loop
	timer   *engine.Timer
	dial    engine.Dial
	count   int // handshakes in all
	begun   int
	there   map[*engine.Conn]bool // true once it is open, and so told to close
	over    bool                  // nothing that happens counts any more
	cleared bool
	idle    time.Duration // the loop's, from the first handshake to the last
	busy    float64

	latencies, delays []time.Duration
	last              clock.Time
}

// measureHandshakes measures an instance's share of a case of handshakes.
func measureHandshakes(ctx context.Context, e *engine.Engine, server *Server, c Case, o Options, result *InstanceResult, hooks hooks) {
	loops := e.Loops()
	count, own := o.Instance.of(c.Count), o.Instance.of(c.Connections)
	if c.Rate > 0 {
		own = min(count, 1)
	}
	lanes := min(len(loops), own)
	h := &handshakes{Case: c, Instance: o.Instance, own: own, ended: make(chan string, lanes), gone: make(chan struct{}, lanes)}
	for i := range lanes {
		l := &lane{
			handshakes: h, number: i, loop: loops[i], count: (count - i + lanes - 1) / lanes,
			there: map[*engine.Conn]bool{},
			dial:  server.dial(o),
		}
		l.timer = l.loop.NewTimer(l.due)
		l.latencies, l.delays = make([]time.Duration, 0, l.count), make([]time.Duration, 0, l.count)
		h.lanes = append(h.lanes, l)
	}
	runtime.GC() // now rather than among the handshakes
	if err := hooks.ready(ctx); err != nil {
		result.Outcome, result.Why = Failed, err.Error()
	} else {
		h.load(ctx, result, hooks.began)
	}
	hooks.done(result)
}

// load makes the handshakes, and waits until all connections are gone.
func (h *handshakes) load(ctx context.Context, result *InstanceResult, began func()) {
	h.began = clock.Now().Add(headStart)
	for _, l := range h.lanes {
		l.loop.Do(l.begin)
	}
	if began != nil {
		for _, l := range h.lanes {
			l.loop.Await(func() {})
		}
		began()
	}
	result.Outcome, result.Why = h.wait(ctx)
	for _, l := range h.lanes {
		l.loop.Do(l.clear)
		<-h.gone
	}
	h.sum(result)
}

func (h *handshakes) wait(ctx context.Context) (Outcome, string) {
	timeout := time.NewTimer(h.Timeout)
	defer timeout.Stop()
	for range h.lanes {
		select {
		case why := <-h.ended:
			if why != "" {
				return Failed, why
			}
		case <-timeout.C:
			return TimedOut, fmt.Sprintf("not all handshakes were done after %s", h.Timeout)
		case <-ctx.Done():
			return Failed, errInterrupted.Error()
		}
	}
	return Passed, ""
}

// sum puts what the lanes hold into the result. They have no more to add.
func (h *handshakes) sum(result *InstanceResult) {
	var last clock.Time
	for _, l := range h.lanes {
		result.Latencies = append(result.Latencies, l.latencies...)
		result.Delays = append(result.Delays, l.delays...)
		last = max(last, l.last)
		if result.KernelStamps {
			result.Busy = max(result.Busy, l.busy)
		}
	}
	result.Took = max(last.Sub(h.began), 0)
}

// begin starts what may go at once.
func (l *lane) begin() {
	l.idle = l.loop.Idle()
	if l.Rate > 0 {
		l.due(clock.Now())
		return
	}
	lanes := len(l.lanes)
	for range (l.own - l.number + lanes - 1) / lanes {
		l.next(0)
	}
}

// due begins the handshakes of an open load whose time has come: lanes take
// turns.
func (l *lane) due(now clock.Time) {
	for !l.over && l.begun < l.count {
		n := l.Instance.number(l.number + l.begun*len(l.lanes))
		due := l.began.Add(time.Duration(float64(n) / l.Rate * float64(time.Second)))
		if due > now {
			l.timer.Set(due)
			return
		}
		l.next(due)
	}
}

// next begins a handshake, if there is one to begin. due is 0 for now.
func (l *lane) next(due clock.Time) {
	if l.over || l.begun == l.count {
		return
	}
	l.begun++
	l.dial.Due = due
	l.there[l.loop.Dial(&l.dial, l)] = false
}

// end tells that the lane is done, or why it failed.
func (l *lane) end(why string) {
	if l.over {
		return
	}
	l.over = true
	if took := clock.Now().Sub(l.began); took > 0 {
		l.busy = 1 - float64(l.loop.Idle()-l.idle)/float64(took)
	}
	l.ended <- why
}

// clear ends what is still there: what is open has been told to close.
func (l *lane) clear() {
	l.over, l.cleared = true, true
	l.timer.Stop()
	for c, opened := range l.there {
		if !opened {
			c.Reset()
		}
	}
	l.tellGone()
}

func (l *lane) tellGone() {
	if l.cleared && len(l.there) == 0 {
		l.cleared = false
		l.gone <- struct{}{}
	}
}

func (l *lane) Opened(c *engine.Conn, o *engine.Opening) {
	l.there[c] = true
	c.Close()
	if l.over {
		return
	}
	l.latencies = append(l.latencies, o.Opened.Sub(o.Due))
	l.delays = append(l.delays, o.Late())
	l.last = max(l.last, o.Opened)
	if len(l.latencies) == l.count {
		l.end("")
	}
}

func (l *lane) Failed(c *engine.Conn, _ *engine.Opening, f engine.Failure) {
	l.end(fmt.Sprintf("could not connect: %v", f))
	l.parted(c)
}

func (l *lane) Closed(c *engine.Conn, _ engine.End) { l.parted(c) }

// parted makes room for the next.
func (l *lane) parted(c *engine.Conn) {
	delete(l.there, c)
	if l.Rate == 0 {
		l.next(0)
	}
	l.tellGone()
}

func (l *lane) Message(*engine.Conn, engine.Message) {}

func (l *lane) Alarm(*engine.Conn, clock.Time) {}

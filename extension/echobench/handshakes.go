package echobench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/hist"
)

// handshakes is a case of opening handshakes with one server. Each connection is
// closed as soon as it is open. In a closed load as many are there at once as the
// case has connections, and the next begins when one is gone.
type handshakes struct {
	Case
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

// measureHandshakes fills the row of a case of handshakes.
func measureHandshakes(ctx context.Context, e *engine.Engine, server *Server, o Options, row *Row) {
	loops := e.Loops()
	lanes := min(len(loops), row.Case.Connections)
	h := &handshakes{Case: row.Case, ended: make(chan string, lanes), gone: make(chan struct{}, lanes)}
	for i := range lanes {
		l := &lane{
			handshakes: h, number: i, loop: loops[i], count: (h.Count - i + lanes - 1) / lanes,
			there: map[*engine.Conn]bool{},
			dial:  server.dial(o),
		}
		l.timer = l.loop.NewTimer(l.due)
		l.latencies, l.delays = make([]time.Duration, 0, l.count), make([]time.Duration, 0, l.count)
		h.lanes = append(h.lanes, l)
	}
	runtime.GC() // now rather than among the handshakes
	theirs := usageOf(server.PID)
	h.began = clock.Now().Add(headStart)
	for _, l := range h.lanes {
		l.loop.Do(l.begin)
	}
	row.Outcome, row.Why = h.wait(ctx)
	if server.PID != 0 {
		row.Local = usageOf(server.PID).since(theirs).local()
	}
	for _, l := range h.lanes {
		l.loop.Do(l.clear)
		<-h.gone
	}
	h.sum(row)
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

// sum puts what the lanes hold into the row. They have no more to add.
func (h *handshakes) sum(row *Row) {
	var last clock.Time
	var delays []time.Duration
	for _, l := range h.lanes {
		row.latencies = append(row.latencies, l.latencies...)
		delays = append(delays, l.delays...)
		last = max(last, l.last)
		if row.KernelStamps {
			row.busy = max(row.busy, l.busy)
		}
	}
	if last > h.began {
		row.EchoesPerSecond = float64(len(row.latencies)) / last.Sub(h.began).Seconds()
	}
	slices.Sort(delays)
	row.judge(delays, hist.New())
}

// begin starts what may go at once.
func (l *lane) begin() {
	l.idle = l.loop.Idle()
	if l.Rate > 0 {
		l.due(clock.Now())
		return
	}
	lanes := len(l.lanes)
	for range (l.Connections - l.number + lanes - 1) / lanes {
		l.next(0)
	}
}

// due begins the handshakes of an open load whose time has come: lanes take
// turns.
func (l *lane) due(now clock.Time) {
	for !l.over && l.begun < l.count {
		n := l.number + l.begun*len(l.lanes)
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

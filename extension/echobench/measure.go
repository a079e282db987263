package echobench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/hist"
)

// Options says how to measure. A zero field means the default.
type Options struct {
	// Header are further header fields of each handshake.
	Header []handshake.Field
	// Silence ends a case in which an echo is awaited, and none came for so long.
	// Default 30 s.
	Silence time.Duration
	// Instance is whose share of each case to measure. Default: the whole.
	Instance Instance
}

// DefaultSilence is the default of Options.Silence.
const DefaultSilence = 30 * time.Second

// hooks let others know how far a measurement is.
type hooks struct {
	// ready is called before the first message, and may wait for others. Its error
	// ends the case.
	ready func(context.Context) error
	// began is called once all loops have begun. It may be nil.
	began func()
	// done is called after the last echo, and before connections are closed.
	done func(*InstanceResult)
}

// measurement is one case with one server.
type measurement struct {
	Case
	Instance
	began  clock.Time
	probes []*probe
	shares []*share
	ended  chan struct{} // one word from each probe that is done or has failed
	closed chan struct{} // one from each whose connection is over
}

// share is what the probes of one loop have in common. It is used on that
// loop's goroutine.
type share struct {
	loop    *engine.Loop
	payload []byte
	batch   []byte
	idle    time.Duration // the loop's, at the instant that follows
	since   clock.Time
	gaps    *hist.Histogram // of each echo, the time within which its arrival is known
}

// opensAtOnce bounds how many connections are on their way.
const opensAtOnce = 64

// Measure is one row: it opens the connections, sends, and closes them.
func Measure(ctx context.Context, e *engine.Engine, server *Server, c Case, o Options) *Row {
	var row *Row
	var before usage
	measure(ctx, e, server, c, o, hooks{
		ready: func(context.Context) error { before = usageOf(server.PID); return nil },
		done: func(r *InstanceResult) {
			row = mergeResults(server.Name, c, []*InstanceResult{r}, 0)
			row.Local = usageOf(server.PID).since(before).local()
		},
	})
	return row
}

// measure measures one instance's share of a row.
func measure(ctx context.Context, e *engine.Engine, server *Server, c Case, o Options, h hooks) {
	if o.Silence == 0 {
		o.Silence = DefaultSilence
	}
	result := &InstanceResult{KernelStamps: e.Options().Transport == engine.Epoll}
	if c.Handshakes {
		measureHandshakes(ctx, e, server, c, o, result, h)
		return
	}
	own := o.Instance.of(c.Connections)
	m := &measurement{Case: c, Instance: o.Instance, ended: make(chan struct{}, own), closed: make(chan struct{}, own)}
	for _, loop := range e.Loops() {
		m.shares = append(m.shares, &share{loop: loop, payload: m.payload(), gaps: hist.New()})
	}
	err := m.open(ctx, server, o)
	if err == nil {
		runtime.GC() // now rather than among the messages
		err = h.ready(ctx)
	}
	if err != nil {
		result.Outcome, result.Why = Failed, err.Error()
	} else {
		m.load(ctx, o, result, h.began)
	}
	m.stop()
	m.sum(result)
	h.done(result)
	m.close()
}

// dial is what connects to the server.
func (s *Server) dial(o Options) engine.Dial {
	return engine.Dial{Endpoint: s.endpoint, Request: func(_ *engine.Conn, r *handshake.Request) {
		r.Path, r.Fields = s.path, o.Header
	}}
}

// payload is a message's bytes, but for its number.
func (m *measurement) payload() []byte {
	b := make([]byte, m.Size)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// open opens all connections.
func (m *measurement) open(ctx context.Context, server *Server, o Options) error {
	own := m.Instance.of(m.Connections)
	opened := make(chan error, own)
	d := server.dial(o)
	awaited := 0
	wait := func() error {
		awaited--
		select {
		case err := <-opened:
			return err
		case <-ctx.Done():
			return errInterrupted
		}
	}
	for i := range own {
		if awaited == opensAtOnce {
			if err := wait(); err != nil {
				return err
			}
		}
		awaited++
		s := m.shares[i%len(m.shares)]
		number := m.Instance.number(i)
		messages := (m.Count - number + m.Connections - 1) / m.Connections
		p := &probe{m: m, share: s, number: number, times: make([]int64, messages), opened: opened}
		if m.Rate > 0 {
			p.delays = make([]time.Duration, 0, messages)
		}
		m.probes = append(m.probes, p)
		s.loop.Await(func() { p.conn = s.loop.Dial(&d, p) })
	}
	for awaited > 0 {
		if err := wait(); err != nil {
			return err
		}
	}
	return nil
}

// headStart is how long before its first message an open load's loops are told.
const headStart = time.Millisecond

// load sends, and waits for the last echo.
func (m *measurement) load(ctx context.Context, o Options, result *InstanceResult, began func()) {
	m.began = clock.Now().Add(headStart)
	for _, s := range m.shares {
		s.loop.Do(func() {
			keepTime()
			s.idle, s.since = s.loop.Idle(), clock.Now()
			for _, p := range m.probes {
				if p.share == s {
					p.begin()
				}
			}
		})
	}
	if began != nil {
		m.each(func(*probe) {})
		began()
	}
	result.Outcome, result.Why = m.wait(ctx, o)
	if result.KernelStamps {
		result.Busy = m.busy()
	}
}

func (m *measurement) wait(ctx context.Context, o Options) (Outcome, string) {
	timeout := time.NewTimer(m.Timeout)
	defer timeout.Stop()
	const looks = 10 // until a silence is over
	look := time.NewTicker(max(o.Silence/looks, time.Millisecond))
	defer look.Stop()
	for range m.probes {
		for waiting := true; waiting; {
			select {
			case <-m.ended:
				waiting = false
				if why := m.failure(); why != "" {
					return Failed, why
				}
			case <-timeout.C:
				return TimedOut, fmt.Sprintf("not all echoes had come after %s", m.Timeout)
			case <-look.C:
				if m.silent() >= o.Silence {
					return TimedOut, fmt.Sprintf("no echo came for %s", o.Silence)
				}
			case <-ctx.Done():
				return Failed, errInterrupted.Error()
			}
		}
	}
	return Passed, ""
}

// busy is the share of the time in which the busiest loop was not idle, up to
// now.
func (m *measurement) busy() (most float64) {
	for _, s := range m.shares {
		s.loop.Await(func() {
			took := clock.Now().Sub(s.since)
			most = max(most, 1-float64(s.loop.Idle()-s.idle)/float64(took))
		})
	}
	return most
}

// each calls f for each probe, on its loop.
func (m *measurement) each(f func(p *probe)) {
	for _, s := range m.shares {
		s.loop.Await(func() {
			for _, p := range m.probes {
				if p.share == s {
					f(p)
				}
			}
		})
	}
}

// silent is for how long no echo has come though one is awaited.
func (m *measurement) silent() time.Duration {
	var s silence
	m.each(s.add)
	return s.at(clock.Now())
}

// silence is the last echo of all probes, and the oldest message of any that has
// none.
type silence struct{ last, awaited clock.Time }

func (s *silence) add(p *probe) {
	s.last = max(s.last, p.last)
	if p.sent == p.got {
		return
	}
	if oldest := clock.Time(p.times[p.got]); s.awaited == 0 || oldest < s.awaited {
		s.awaited = oldest
	}
}

func (s *silence) at(now clock.Time) time.Duration {
	if s.awaited == 0 {
		return 0
	}
	return now.Sub(max(s.last, s.awaited))
}

func (m *measurement) failure() (why string) {
	m.each(func(p *probe) {
		if why == "" {
			why = p.why
		}
	})
	return why
}

// stop has nothing that happens count any more.
func (m *measurement) stop() {
	m.each(func(p *probe) {
		p.over = true
		p.conn.StopAlarm()
	})
}

// close ends all connections and waits until they are gone, so that the next
// row has the server for itself.
func (m *measurement) close() {
	m.each(func(p *probe) {
		if p.conn.Open() {
			p.conn.Close()
		} else {
			p.conn.Reset()
		}
	})
	for range m.probes {
		<-m.closed
	}
}

// sum puts what the probes and loops hold into the result.
func (m *measurement) sum(result *InstanceResult) {
	var first, last clock.Time
	m.each(func(p *probe) {
		for _, ns := range p.times[:p.got] {
			result.Latencies = append(result.Latencies, time.Duration(ns))
		}
		result.Delays = append(result.Delays, p.delays...)
		if p.got > 0 {
			if first == 0 || p.first < first {
				first = p.first
			}
			last = max(last, p.last)
		}
	})
	result.Took = max(last.Sub(first), 0)
	gaps := hist.New()
	for _, s := range m.shares {
		gaps.Merge(s.gaps)
	}
	result.Gaps = gaps.Distribution()
}

// mask is a frame's (RFC 6455 section 5.3).
func mask() (m [4]byte) {
	r := rand.Uint32()
	return [4]byte{byte(r), byte(r >> 8), byte(r >> 16), byte(r >> 24)}
}

package echobench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
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
}

// DefaultSilence is the default of Options.Silence.
const DefaultSilence = 30 * time.Second

// measurement is one case with one server.
type measurement struct {
	Case
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
	if o.Silence == 0 {
		o.Silence = DefaultSilence
	}
	row := &Row{Server: server.Name, Case: c, KernelStamps: e.Options().Transport == engine.Epoll}
	if c.Handshakes {
		measureHandshakes(ctx, e, server, o, row)
		return row
	}
	m := &measurement{Case: c, ended: make(chan struct{}, c.Connections), closed: make(chan struct{}, c.Connections)}
	for _, loop := range e.Loops() {
		m.shares = append(m.shares, &share{loop: loop, payload: m.payload(), gaps: hist.New()})
	}
	if err := m.open(ctx, server, o); err != nil {
		row.Outcome, row.Why = Failed, err.Error()
	} else {
		m.load(ctx, server, o, row)
	}
	m.close()
	m.sum(row)
	return row
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
	opened := make(chan error, m.Connections)
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
	for i := range m.Connections {
		if awaited == opensAtOnce {
			if err := wait(); err != nil {
				return err
			}
		}
		awaited++
		s := m.shares[i%len(m.shares)]
		messages := (m.Count - i + m.Connections - 1) / m.Connections
		p := &probe{m: m, share: s, number: i, times: make([]int64, messages), opened: opened}
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
func (m *measurement) load(ctx context.Context, server *Server, o Options, row *Row) {
	runtime.GC() // now rather than among the messages
	theirs := usageOf(server.PID)
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
	row.Outcome, row.Why = m.wait(ctx, o)
	if row.KernelStamps {
		row.busy = m.busy()
	}
	if server.PID != 0 {
		row.Local = usageOf(server.PID).since(theirs).local()
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

// close ends all connections and waits until they are gone, so that the next
// row has the server for itself.
func (m *measurement) close() {
	m.each(func(p *probe) {
		p.over = true
		p.conn.StopAlarm()
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

// sum puts what the probes and loops hold into the row.
func (m *measurement) sum(row *Row) {
	var first, last clock.Time
	var delays []time.Duration
	m.each(func(p *probe) {
		for _, ns := range p.times[:p.got] {
			row.latencies = append(row.latencies, time.Duration(ns))
		}
		delays = append(delays, p.delays...)
		if p.got > 0 {
			if first == 0 || p.first < first {
				first = p.first
			}
			last = max(last, p.last)
		}
	})
	if last > first {
		row.EchoesPerSecond = float64(len(row.latencies)) / last.Sub(first).Seconds()
	}
	gaps := hist.New()
	for _, s := range m.shares {
		gaps.Merge(s.gaps)
	}
	slices.Sort(delays)
	row.judge(delays, gaps)
}

// mask is a frame's (RFC 6455 section 5.3).
func mask() (m [4]byte) {
	r := rand.Uint32()
	return [4]byte{byte(r), byte(r >> 8), byte(r >> 16), byte(r >> 24)}
}

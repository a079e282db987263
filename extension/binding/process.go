package binding

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
	"xk6-realtime/engine/hist"
)

// process is shared by the shards of one process: the engine, and the exact measurements, however
// few of them k6 keeps.
type process struct {
	mu       sync.Mutex
	engine   *engine.Engine
	timeouts engine.Timeouts
	realTime bool
	limits   limits
	users    int

	restoreMemory func()

	sockets engines
	mail    mail
	notices notices
	files   userFiles
	numbers numbers
	outbox  outbox

	contracts contracts

	activeMu sync.Mutex
	active   map[shardName]int // connections open
	streams  int               // event streams open among the scripts' own sockets

	totals map[total]*hist.Histogram
	oneIn  map[total]int64
	steps  []*step // in the order of time
}

// total is one series of the whole run; tag and value are empty or the one
// tag by which the metric is broken down.
type total struct{ metric, tag, value string }

func (t total) tags() map[string]string {
	if t.tag == "" {
		return map[string]string{}
	}
	return map[string]string{t.tag: t.value}
}

// coalesce is long beside the cost of waking up, and short beside any latency
// that is worth measuring.
const coalesce = 300 * time.Microsecond

// useEngine starts the engine for its first user. release must be called.
func (p *process) useEngine(state *lib.State, by *options) (*engine.Engine, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users > 0 && (p.timeouts != by.timeouts || p.realTime != by.realTime || p.limits != by.limits) {
		return nil, errors.New("Swarm.timeouts, Swarm.priority, Swarm.messageBytes, Swarm.bufferedBytes: expected the same for all swarms that run at a time, got others")
	}
	if p.users == 0 {
		o, err := engineOptions(state, by.timeouts)
		if err != nil {
			return nil, err
		}
		o.Coalesce, o.RealTime = coalesce, by.realTime
		by.limits.apply(&o)
		o.UnsentBytes = by.unsentBytes()
		if p.engine, err = engine.New(o); err != nil {
			return nil, err
		}
		p.timeouts, p.realTime, p.limits = by.timeouts, by.realTime, by.limits
		if by.isAtRest() {
			p.restoreMemory = keepMemoryLean()
		} else {
			p.restoreMemory = keepCollectionsRare()
		}
	}
	p.users++
	return p.engine, nil
}

func (p *process) release() {
	p.mu.Lock()
	e := p.engine
	if p.users--; p.users > 0 {
		e = nil
	} else {
		p.engine = nil
		p.restoreMemory()
		p.restoreMemory = nil
	}
	p.mu.Unlock()
	if e != nil {
		e.Close() // nobody else waits for that
	}
}

// shardName is one of several scenarios' shards.
type shardName struct {
	scenario string
	index    int
}

// setActive notes how many connections a shard has open, and tells how many
// the process has. One shard at a time does that, for k6 keeps of a gauge what
// it was told last.
func (p *process) setActive(shard shardName, n int, tell func(all int)) {
	p.activeMu.Lock()
	defer p.activeMu.Unlock()
	if p.active == nil {
		p.active = map[shardName]int{}
	}
	p.active[shard] = n
	all := 0
	for _, n := range p.active {
		all += n
	}
	tell(all)
}

// countStream adds to how many event streams the scripts' own sockets have open, and tells how many
// they are, one socket at a time.
func (p *process) countStream(change int, tell func(all int)) {
	p.activeMu.Lock()
	defer p.activeMu.Unlock()
	p.streams += change
	tell(p.streams)
}

// add keeps a distribution for the whole run, for its series and for its
// metric. k6 sees one in oneIn of it.
func (p *process) add(to total, d *hist.Distribution, oneIn int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addTo(to, d, oneIn)
	if to.tag != "" {
		p.addTo(total{metric: to.metric}, d, oneIn)
	}
}

func (p *process) addTo(to total, d *hist.Distribution, oneIn int64) {
	if p.totals == nil {
		p.totals, p.oneIn = map[total]*hist.Histogram{}, map[total]int64{}
	}
	if p.totals[to] == nil {
		p.totals[to] = hist.New()
	}
	p.totals[to].Add(d)
	p.oneIn[to] = max(p.oneIn[to], oneIn)
}

// exact is one series as scripts see it, in milliseconds.
type exact struct {
	Metric      string            `js:"metric"`
	Tags        map[string]string `js:"tags"`
	OneIn       int64             `js:"oneIn"`
	Count       int64             `js:"count"`
	Min         float64           `js:"min"`
	Avg         float64           `js:"avg"`
	Max         float64           `js:"max"`
	Percentiles []float64         `js:"percentiles"`
}

// distributions is every series so far, and without tags every metric.
func (p *process) distributions(percentiles []float64) []exact {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]exact, 0, len(p.totals))
	for t, h := range p.totals {
		all = append(all, describe(t, h, p.oneIn[t], percentiles))
	}
	slices.SortFunc(all, func(a, b exact) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(fmt.Sprint(a.Tags), fmt.Sprint(b.Tags)))
	})
	return all
}

func describe(t total, h *hist.Histogram, oneIn int64, percentiles []float64) exact {
	e := exact{
		Metric: t.metric, Tags: t.tags(), OneIn: oneIn, Count: h.Count(),
		Min: milliseconds(h.Min()), Avg: milliseconds(h.Mean()), Max: milliseconds(h.Max()),
	}
	for _, p := range percentiles {
		e.Percentiles = append(e.Percentiles, milliseconds(h.Quantile(p/100)))
	}
	return e
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func inTime(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

package binding

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine"
	"xk6-realtime/engine/fanout"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/samples"
)

// readFanOut checks what a script gave of a fan-out, nil for none. The shard
// and what connections start from are known later.
func readFanOut(r *reader, subscribers, shards int) (*fanout.Options, error) {
	if r.fields == nil {
		return nil, nil
	}
	o := &fanout.Options{
		Plan: fanout.Plan{
			Subscribers: subscribers,
			Rooms:       r.whole("rooms", 1, 1, maxConnections),
			Publishers:  r.whole("publishers", 1, 0, maxConnections),
			Rate:        r.number("publicationsPerSecond", 1, 1e-3, 1e6),
			Shards:      shards,
		},
		Payload:      []byte(strings.Repeat("x", r.whole("payloadBytes", 0, 0, 1<<24))),
		For:          r.milliseconds("forMs", 0, 1),
		Timeout:      r.milliseconds("timeoutMs", 5*time.Second, 1),
		Churn:        r.number("churnPerSecond", 0, 0, 1e6),
		Authenticate: r.boolean("authenticate"),
		// Unique among the processes that may publish into the same rooms.
		Name: strings.ToLower(rand.Text()[:10]),
	}
	var err error
	if o.Protocol, err = readProtocol(r); err != nil {
		r.fail(err)
	}
	r.finish()
	if r.parent.err != nil {
		return nil, nil
	}
	return o, o.Check()
}

// readProtocol compiles a descriptor, which lib/protocols has checked.
func readProtocol(r *reader) (*protocol.Protocol, error) {
	given, _ := r.take("protocol")
	text, err := json.Marshal(given)
	if err != nil {
		return nil, fmt.Errorf("%s.protocol: %w", r.of, err)
	}
	d := &protocol.Descriptor{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("%s.protocol: expected a descriptor: %w", r.of, err)
	}
	p, err := protocol.Compile(d)
	if err != nil {
		return nil, fmt.Errorf("%s.protocol: %w", r.of, err)
	}
	return p, nil
}

// checkVariables refuses a protocol that needs what is not given.
func (q *requests) checkVariables(names []string) error {
	for _, name := range names {
		if _, given := q.variables[name]; !given && name != connectionVariable && name != vuVariable {
			return fmt.Errorf("Swarm.variables: expected %q, which the protocol needs, got nothing", name)
		}
	}
	return nil
}

// vuVariable is the number of the virtual user, which only it knows.
const vuVariable = "vu"

// newFanOut makes the shard's fan-out.
func newFanOut(e *engine.Engine, o *options, shard int) (*fanout.Run, error) {
	f := *o.fanOut
	f.Plan.Shard = shard
	f.Variables = func(connection int) []string {
		values := make([]string, len(f.Protocol.Variables))
		for i, name := range f.Protocol.Variables {
			if name == vuVariable {
				values[i] = strconv.Itoa(shard + 1)
			} else {
				values[i] = o.request.value(name, connection)
			}
		}
		return values
	}
	return fanout.New(e, f)
}

// fanOutTrends are the series of a fan-out, by fanout.Series, with the
// fraction of each that k6 sees.
func (r *recorder) fanOutTrends(o *fanout.Options) []trend {
	trends := []trend{
		fanout.Lag:       r.trend(r.metrics.FanOutLag, "", ""),
		fanout.ServerLag: r.trend(r.metrics.FanOutServerLag, "", ""),
		fanout.Spread:    r.trend(r.metrics.FanOutSpread, "", ""),
		fanout.SendDelay: r.trend(r.metrics.GeneratorDelay, "side", "send"),
	}
	publications := int64(math.Ceil(o.Plan.Rate * o.For.Seconds()))
	deliveries := publications * int64(o.Plan.Subscribers/o.Plan.Rooms)
	ratios := samples.Ratios([]int64{deliveries, deliveries, publications, publications})
	for i := range trends {
		trends[i].oneIn = ratios[i]
	}
	return trends
}

// fanOut tells k6 what a fan-out did since the last time.
func (r *recorder) fanOut(w *fanout.Window) {
	s := batch{r: r, at: time.Now()}
	for series, d := range w.Series {
		r.distribution(&r.fan[series], d, s.at)
	}
	m := r.metrics
	s.count(m.Publications, w.Published)
	s.count(m.Deliveries, w.Deliveries)
	s.count(m.Lost, w.Lost)
	s.count(m.Duplicated, w.Duplicated)
	s.count(m.Reordered, w.Reordered)
	s.count(m.Late, w.Late)
	s.count(m.Foreign, w.Foreign)
	s.count(m.MessageErrors, w.Unsent, "reason", "unsent")
	s.count(m.MessageErrors, w.Sessions, "reason", "session")
	s.count(m.MessageErrors, w.Errors, "reason", "error_reply")
	s.count(m.MessageErrors, w.Invalid, "reason", "contract")
	s.push()
	r.outcomes(m.SuccessRate, true, w.InTime)
	r.outcomes(m.SuccessRate, false, w.Late+w.Lost)
}

// batchSize is how many equal samples of a Rate are made at once.
const batchSize = 1 << 10

// outcomes adds n equal samples to a Rate. k6 has no other way to add many, so
// the same few are handed over again and again.
func (r *recorder) outcomes(metric *metrics.Metric, yes bool, n int64) {
	if n == 0 {
		return
	}
	if yes {
		r.step.outcomes(metric, n, 0)
	} else {
		r.step.outcomes(metric, 0, n)
	}
	s := batch{r: r, at: time.Now()}
	for range min(n, batchSize) {
		s.add(metric, rate(yes), r.tags)
	}
	for ; n > batchSize; n -= batchSize {
		r.out <- s.samples
	}
	r.out <- s.samples[:n]
}

// drivenBy is what a shard waits for beside its connections: a fan-out that
// publishes into them, if there is one.
func (s *shard) drivenBy(stop <-chan struct{}) <-chan error {
	if s.fan == nil {
		return nil
	}
	over := make(chan error, 1)
	go func() { over <- s.fan.Drive(s.swarm, stop) }()
	return over
}

package binding

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/probing"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
	"xk6-realtime/samples"
)

// readProbing checks what a script gave of probes, nil for none. What
// connections start from is known later.
func readProbing(r *reader, q *requests) *probing.Options {
	if r.fields == nil {
		return nil
	}
	o := &probing.Options{
		Protocol:     readProtocol(r, q),
		Authenticate: r.boolean("authenticate"),
		Interval:     r.neededMilliseconds("intervalMs", 1),
		Payload:      []byte(strings.Repeat("x", r.whole("payloadBytes", 0, 0, 1<<24))),
		For:          r.neededMilliseconds("forMs", 1),
		Timeout:      r.milliseconds("timeoutMs", 5*time.Second, 1),
		BackoffBase:  r.milliseconds("backoffBaseMs", 500*time.Millisecond, 1),
		BackoffCap:   r.milliseconds("backoffCapMs", 10*time.Second, 1),
		// Unique among the processes whose probes may come to the same rooms.
		Name: strings.ToLower(rand.Text()[:10]),
	}
	if o.BackoffCap < o.BackoffBase {
		r.wrong("backoffCapMs", fmt.Sprintf("at least backoffBaseMs, %v", milliseconds(o.BackoffBase)), milliseconds(o.BackoffCap))
	}
	if p := o.Protocol; p != nil && !p.HasProbe() {
		r.wrong("protocol", "one with a probe", p.Name)
	} else if p != nil && p.ProbeHTTP != nil && p.IDsInTwoBytes() {
		r.wrong("protocol", "identifiers that are unique among all connections, for probes by HTTP", `"uint16"`)
	}
	r.finish()
	if r.parent.err != nil {
		return nil
	}
	return o
}

var errTwoActivities = errors.New("Swarm.probing: expected nothing beside fanOut, got both")

// shardProbing is a shard's probes.
type shardProbing struct {
	*probing.Run
	posts *poster // nil where nothing goes by HTTP
}

func newProbing(e *engine.Engine, state *lib.State, o *options, shard int, checking *contract.Checking, heard *notices) (*shardProbing, error) {
	p := *o.probing
	posts, err := newPoster(state, o, "probe.http.path", p.Protocol.ProbeHTTP, p.Timeout)
	if err != nil {
		return nil, err
	}
	p.Post = posts.poster()
	p.Unwritable, p.Complain, p.Checking = heard.unwritable, heard.complaintsOf(o.request), checking
	p.Variables = o.request.valuesFor(p.Protocol, shard)
	run, err := probing.New(e, p)
	return &shardProbing{run, posts}, err
}

func (p *shardProbing) handler(loop, i int) swarm.Handler { return p.Handler(loop, i) }

func (p *shardProbing) drive(s *swarm.Swarm, stop <-chan struct{}) error {
	defer p.posts.end()
	return p.Drive(s, stop)
}

func (p *shardProbing) push(r *recorder) { r.probing(p.Snapshot()) }

// probesPerConnection is how many each is expected to send.
func probesPerConnection(o *options) float64 {
	ramp := o.swarm.Pace.Due(o.swarm.Connections - 1)
	return math.Ceil(float64(ramp+o.probing.For) / float64(o.probing.Interval))
}

const replyTag = "reply"

// probingTrends are the series of probes, by probing.Series, with the fraction
// that k6 sees.
func (r *recorder) probingTrends(o *options) []trend {
	trends := []trend{
		probing.SendDelay:     r.trend(r.metrics.GeneratorDelay, "side", "send"),
		probing.ReconnectTime: r.trend(r.metrics.ReconnectTime, "", ""),
	}
	for _, reply := range o.probing.Protocol.Replies {
		// In the order of their Series.
		trends = append(trends, r.trend(r.metrics.RTT, replyTag, reply), r.trend(r.metrics.Service, replyTag, reply))
	}
	probes := int64(float64(o.swarm.Connections) * probesPerConnection(o))
	// The same for all, so that k6 sees as much of one reply as of another.
	oneIn := slices.Max(samples.Ratios(slices.Repeat([]int64{probes}, len(trends))))
	for i := range trends {
		trends[i].oneIn = oneIn
	}
	return trends
}

// faultReasons are the values of the tag reason.
var faultReasons = [...]string{
	protocol.Unparsable: "unparsable", protocol.Contract: "contract", protocol.Unmatched: "unmatched",
	protocol.TooMany: "too_many_elements", protocol.PiecesLimit: "pieces_limit",
}

// probing tells k6 what probes did since the last time.
func (r *recorder) probing(w *probing.Window) {
	s := batch{r: r, at: time.Now()}
	m := r.metrics
	for series, d := range w.Series {
		r.distribution(&r.activity[series], d, s.at)
	}
	for reply, name := range r.replies {
		if served := w.Series[probing.Service(reply)]; served != nil {
			s.count(m.Replies, served.Count, replyTag, name)
		}
	}
	s.count(m.Probes, w.Probes)
	s.count(m.Lost, w.Lost)
	s.count(m.Duplicated, w.Duplicated)
	s.count(m.Late, w.Late)
	s.count(m.Deliveries, w.Deliveries)
	s.count(m.Reconnects, w.Reconnects)
	s.count(m.MessageErrors, w.Errors, "reason", "error_reply")
	s.count(m.MessageErrors, w.Sessions, "reason", "session")
	s.count(m.MessageErrors, w.Unsent, "reason", "unsent")
	s.untaken(&w.Untaken)
	for fault, n := range w.Invalid {
		s.count(m.MessageErrors, n, "reason", faultReasons[fault])
	}
	s.push()
	r.outcomes(m.RepliedRate, w.InTime, w.TimedOut+w.Cut+w.Missed+w.Refused)
}

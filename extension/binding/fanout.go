package binding

import (
	"crypto/rand"
	"fmt"
	"math"
	"strings"
	"time"

	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/fanout"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
	"xk6-realtime/samples"
)

// readFanOut checks what a script gave of a fan-out, nil for none. The shard
// and what connections start from are known later.
func readFanOut(r *reader, subscribers int, q *requests) (*fanout.Options, error) {
	if r.fields == nil {
		return nil, nil
	}
	o := &fanout.Options{
		Plan: fanout.Plan{
			Subscribers: subscribers,
			Rooms:       r.whole("rooms", 1, 1, maxConnections),
			Publishers:  r.whole("publishers", 1, 0, maxConnections),
			Rate:        r.number("publicationsPerSecond", 1, 1e-3, 1e6),
			Shards:      q.shards,
		},
		Payload:      []byte(strings.Repeat("x", r.whole("payloadBytes", 0, 0, 1<<24))),
		For:          r.neededMilliseconds("forMs", 1),
		Timeout:      r.milliseconds("timeoutMs", 5*time.Second, 1),
		Churn:        r.number("churnPerSecond", 0, 0, 1e6),
		Authenticate: r.boolean("authenticate"),
		// Unique among the processes that may publish into the same rooms.
		Name:       strings.ToLower(rand.Text()[:10]),
		Protocol:   readProtocol(r, q),
		Publishing: readPublisher(r.object("publisher"), subscribers, q),
	}
	readPublications(r, q)
	r.finish()
	if r.parent.err != nil {
		return nil, nil
	}
	if o.Publishing == nil {
		o.Publishing = o.Protocol
	}
	return o, o.Check()
}

// readPublisher reads how publishers connect and what they speak, nil where that
// is as subscribers do.
func readPublisher(r *reader, subscribers int, q *requests) *protocol.Protocol {
	if r.fields == nil {
		return nil
	}
	q.publishers = &offer{}
	q.publishersFrom = subscribers
	for _, url := range r.texts("servers") {
		s, err := q.publishers.addServer(url, r.of, q.variables)
		r.fail(err)
		if err == nil && s.isStream {
			r.wrong("servers", "URLs of WebSockets", s.origin)
		}
	}
	if len(q.publishers.servers) == 0 && r.err == nil {
		r.wrong("servers", "at least one URL", "none")
	}
	readSubprotocols(r, q.publishers, q.variables)
	p := readProtocol(r, q)
	r.finish()
	return p
}

// readPublications reads where publications by HTTP go that do not go to their
// connection's server.
func readPublications(r *reader, q *requests) {
	for _, url := range r.texts("publishUrls") {
		if q.publications == nil {
			q.publications = &offer{}
		}
		s, err := parseServer(url)
		if err == nil && !s.isStream {
			err = fmt.Errorf("%s: want http:// or https://", s.origin)
		}
		if err == nil {
			err = q.publications.addPath(s, q.variables)
		}
		if err != nil {
			r.fail(fmt.Errorf("%s.publishUrls: %w", r.of, err))
		}
	}
}

// shardFanOut is a shard's fan-out.
type shardFanOut struct {
	*fanout.Run
	posts *poster // nil where nothing goes by HTTP
}

func newFanOut(e *engine.Engine, state *lib.State, o *options, shard int, checking *contract.Checking, heard *notices) (*shardFanOut, error) {
	f := *o.fanOut
	p, err := newPoster(state, o, "publish.http.path", f.Publishing.PublishHTTP, f.Timeout)
	if err != nil {
		return nil, err
	}
	if p != nil {
		p.to = o.request.publications
	}
	f.Post = p.poster()
	f.Plan.Shard = shard
	f.Unwritable, f.Complain, f.Checking = heard.unwritable, heard.complaintsOf(o.request), checking
	f.Variables = o.request.valuesFor(f.Protocol, shard)
	if f.Publishing != f.Protocol {
		subscribers, publishers := f.Variables, o.request.valuesFor(f.Publishing, shard)
		f.Variables = func(connection int) []string {
			if f.Plan.IsPublisher(connection) {
				return publishers(connection)
			}
			return subscribers(connection)
		}
	}
	run, err := fanout.New(e, f)
	return &shardFanOut{run, p}, err
}

func (f *shardFanOut) handler(loop, i int) swarm.Handler { return f.Handler(loop, i) }

func (f *shardFanOut) drive(s *swarm.Swarm, stop <-chan struct{}) error {
	defer f.posts.end()
	return f.Drive(s, stop)
}

func (f *shardFanOut) push(r *recorder) { r.fanOut(f.Snapshot()) }

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

// coarseReasons are the values of the tag reason for stamps of no use, by
// fanout.Resolution.
var coarseReasons = [...]string{fanout.Seconds: "stamp_1s", fanout.Tenths: "stamp_100ms", fanout.Hundredths: "stamp_10ms"}

// fanOut tells k6 what a fan-out did since the last time.
func (r *recorder) fanOut(w *fanout.Window) {
	s := batch{r: r, at: time.Now()}
	for series, d := range w.Series {
		r.distribution(&r.activity[series], d, s.at)
	}
	m := r.metrics
	s.count(m.Publications, w.Published)
	s.count(m.Deliveries, w.Deliveries)
	s.count(m.Lost, w.Lost)
	s.count(m.Duplicated, w.Duplicated)
	s.count(m.Reordered, w.Reordered)
	s.count(m.Late, w.Late)
	s.count(m.Foreign, w.Foreign)
	s.count(m.Unmeasured, w.Joining, "reason", "joining")
	s.count(m.Unmeasured, w.Unstamped, "reason", "no_stamp")
	for resolution, reason := range coarseReasons {
		s.count(m.Unmeasured, w.Coarse[resolution], "reason", reason)
	}
	s.count(m.Unmeasured, w.Forgotten, "reason", "forgotten")
	s.count(m.Unmeasured, w.Undecided, "reason", "undecided")
	s.count(m.MessageErrors, w.Unsent, "reason", "unsent")
	s.untaken(&w.Untaken)
	s.count(m.MessageErrors, w.Sessions, "reason", "session")
	s.count(m.MessageErrors, w.Errors, "reason", "error_reply")
	s.count(m.MessageErrors, w.Invalid, "reason", "contract")
	s.count(m.MessageErrors, w.TooMany, "reason", faultReasons[protocol.TooMany])
	s.count(m.MessageErrors, w.PiecesLimit, "reason", faultReasons[protocol.PiecesLimit])
	s.count(m.MessageErrors, w.ClockDiffers, "reason", "clock_differs")
	s.push()
	r.outcomes(m.DeliveredRate, w.InTime, w.Late+w.Lost)
}

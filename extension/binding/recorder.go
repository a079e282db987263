package binding

import (
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
	"xk6-realtime/samples"
)

// recorder turns the records of a shard into k6's samples. Samples of the last moments must reach
// k6 although the virtual user's context is done by then. They are sent regardless of the
// context: k6 reads them until the shard has ended.
type recorder struct {
	metrics *metricSet
	builtin *metrics.BuiltinMetrics
	tags    *metrics.TagSet
	out     chan<- metrics.SampleContainer
	process *process
	logger  logrus.FieldLogger
	step    *step   // nil without steps
	streams bool    // the connections are event streams
	trends  []trend // by swarm.Series; without a metric where none is kept
	// activity is by fanout.Series, probing.Series or tokens.Series; nil where
	// connections are only held.
	activity []trend
	replies  []string // that each probe expects
	rates    rates
}

// trend is where the values of one of the swarm's series go.
type trend struct {
	total  total
	oneIn  int64
	series *samples.Series // made with the first value: it takes memory
	of     metrics.TimeSeries
}

// phaseNames are the values of the tag phase.
var phaseNames = map[swarm.Series]string{
	swarm.ResolvePhase: "resolve", swarm.TCPPhase: "tcp", swarm.ProxyPhase: "proxy",
	swarm.TLSPhase: "tls", swarm.SettingsPhase: "settings", swarm.UpgradePhase: "upgrade",
}

// newPlainRecorder is one without series.
func newPlainRecorder(i *instance) *recorder {
	state := i.vu.State()
	return &recorder{
		metrics: i.metrics, builtin: state.BuiltinMetrics, tags: state.Tags.GetCurrentValues().Tags,
		out: state.Samples, process: i.process, logger: state.Logger,
	}
}

func newRecorder(i *instance, o *options) *recorder {
	r := newPlainRecorder(i)
	r.step, r.streams = i.process.beginStep(o.step), o.request.isStream
	if r.step != nil {
		r.tags = r.tags.With(stepTag, o.step)
	}
	const bySide, byPhase = "side", "phase"
	set := func(series swarm.Series, metric *metrics.Metric, tag, value string) {
		for len(r.trends) <= int(series) {
			r.trends = append(r.trends, trend{})
		}
		r.trends[series] = r.trend(metric, tag, value)
	}
	set(swarm.ConnectLatency, i.metrics.ConnectLatency, "", "")
	set(swarm.ConnectDelay, i.metrics.GeneratorDelay, bySide, "send")
	set(swarm.LoginDelay, i.metrics.GeneratorDelay, bySide, "send")
	set(swarm.ReceiveDelay, i.metrics.GeneratorDelay, bySide, "receive")
	set(swarm.SessionTime, r.builtin.WSSessionDuration, "", "")
	set(swarm.FirstByte, i.metrics.FirstByte, "", "")
	set(swarm.FirstEvent, i.metrics.FirstEvent, "", "")
	set(swarm.EventGap, i.metrics.EventGap, "", "")
	set(swarm.LongestStall, i.metrics.LongestStall, "", "")
	for series, phase := range phaseNames {
		set(series, i.metrics.ConnectPhase, byPhase, phase)
	}
	r.setRatios(o)
	switch {
	case o.fanOut != nil:
		r.activity = r.fanOutTrends(o.fanOut)
	case o.probing != nil:
		r.activity, r.replies = r.probingTrends(o), o.probing.Protocol.Replies
	}
	return r
}

// trend is the series of a metric's values, all or those with one tag.
func (r *recorder) trend(metric *metrics.Metric, tag, value string) trend {
	tags := r.tags
	if tag != "" {
		tags = tags.With(tag, value)
	}
	return trend{total: total{metric.Name, tag, value}, of: metrics.TimeSeries{Metric: metric, Tags: tags}}
}

// distribution tells k6 the values of a series, if there are any.
func (r *recorder) distribution(t *trend, d *hist.Distribution, at time.Time) {
	if t.of.Metric == nil || d == nil {
		return
	}
	if t.series == nil {
		t.series = samples.NewSeries(t.of, t.oneIn)
	}
	r.out <- t.series.Container(d, at)
	r.process.add(t.total, d, t.oneIn)
	r.step.distribution(t.total, d)
	if d.Beyond > 0 {
		s := batch{r: r, at: at}
		s.count(r.metrics.Unmeasured, d.Beyond, "reason", "out_of_range")
		s.push()
	}
}

// setRatios limits the values that k6 sees to as many as it can keep, by the number that the
// whole run is expected to have.
func (r *recorder) setRatios(o *options) {
	connections := int64(o.swarm.Connections)
	perSecond, held := o.messagesPerSecond, o.swarm.Hold+o.swarm.CloseOver
	if f := o.fanOut; f != nil {
		perSecond, held = f.Plan.Rate/float64(f.Plan.Rooms), f.For+f.Timeout
	}
	if p := o.probing; p != nil {
		replies := float64(len(p.Protocol.Replies)) / p.Interval.Seconds()
		perSecond, held = max(perSecond, replies), p.For+p.Timeout
	}
	messages := int64(float64(connections) * perSecond * held.Seconds())
	setRatios(r.trends, func(series int) int64 {
		if s := swarm.Series(series); s == swarm.ReceiveDelay || s == swarm.EventGap {
			return messages
		}
		return connections
	})
}

// setRatios fixes which fraction of each series k6 sees, of as many values as are
// expected of it.
func setRatios(trends []trend, expected func(series int) int64) {
	var all []int64
	for series, t := range trends {
		all = append(all, expected(series))
		if t.total.tag != "" {
			all = append(all, expected(series)) // k6 keeps them again for the submetric
		}
	}
	ratios := samples.Ratios(all)
	for series := range trends {
		trends[series].oneIn = ratios[0]
		ratios = ratios[1:]
		if trends[series].total.tag != "" {
			ratios = ratios[1:]
		}
	}
}

// window tells k6 what happened since the last one.
func (r *recorder) window(w *swarm.Window) {
	at := time.Now()
	s := batch{r: r, at: at}
	for series, d := range w.Series {
		if series < len(r.trends) {
			r.distribution(&r.trends[series], d, at)
		}
	}
	s.count(r.metrics.SessionsOpened, w.Opened)
	s.count(r.metrics.SessionsClosed, w.Closed)
	s.count(r.metrics.Compressed, w.Compressed)
	s.count(r.metrics.TCPConnections, w.TCPConnections)
	s.count(r.metrics.Uncertain, w.Uncertain)
	s.count(r.builtin.WSSessions, w.Opened)
	s.count(r.builtin.WSMessagesSent, w.MessagesSent)
	s.count(r.builtin.WSMessagesReceived, w.MessagesReceived)
	s.count(r.builtin.DataSent, w.BytesSent)
	s.count(r.builtin.DataReceived, w.BytesReceived)
	s.count(r.metrics.MessageBytes, w.MessageBytesSent, byDirection, sent)
	s.count(r.metrics.MessageBytes, w.MessageBytesReceived, byDirection, received)
	s.count(r.metrics.WireBytes, w.WireBytesSent, byDirection, sent)
	s.count(r.metrics.WireBytes, w.WireBytesReceived, byDirection, received)
	for reason, n := range w.Failures {
		if reason != engine.ReasonAborted { // this side's own stop
			s.count(r.metrics.ConnectFailures, n, "reason", failureReason(r.metrics.ConnectFailures, reason))
		}
	}
	dropped := int64(0)
	for drop, n := range w.Drops {
		dropped += n
		code := listed(r.metrics.Drops, "code", codeName(drop.Code))
		s.count(r.metrics.Drops, n, "code", code, "by", drop.By.String())
	}
	for reason, n := range w.Breaches {
		s.count(r.metrics.MessageErrors, n, "reason", listed(r.metrics.MessageErrors, "reason", reason))
	}
	s.count(r.metrics.MessageErrors, w.Unanswered, "reason", "close_unanswered")
	s.count(r.metrics.Events, w.Streams.EventsAlone, "read", "alone")
	s.count(r.metrics.Events, w.Streams.EventsTogether, "read", "together")
	s.count(r.metrics.EventReads, w.Streams.Reads)
	s.count(r.metrics.Comments, w.Streams.Comments)
	s.count(r.metrics.InvalidEvents, w.Streams.InvalidUTF8)
	s.push()
	r.outcomes(r.metrics.DropRate, min(dropped, w.Closed), max(0, w.Closed-dropped))
}

// codeName is a close code as the tag has it; 0 is that of an event stream that
// came to its end.
func codeName(code uint16) string {
	if code == 0 {
		return "end_of_stream"
	}
	return strconv.Itoa(int(code))
}

// active tells k6 how many connections the process has open.
func (r *recorder) active(all int) {
	s := batch{r: r, at: time.Now()}
	s.add(r.metrics.ActiveSessions, float64(all), r.tags)
	if r.streams {
		s.add(r.metrics.ActiveStreams, float64(all), r.tags)
	}
	s.push()
}

const (
	statusOffTheList      = "http_rejected"
	proxyStatusOffTheList = "proxy_rejected"
)

// failureReason is a reason of the closed list of a metric; a status that is not
// on it is http_rejected, one of a proxy's proxy_rejected.
func failureReason(of *metrics.Metric, reason engine.Reason) string {
	name := listed(of, "reason", reason.String())
	switch {
	case name == "other" && reason.OfProxy():
		return proxyStatusOffTheList
	case name == "other" && reason >= 100:
		return statusOffTheList
	}
	return name
}

// ended tells k6 how the run went as a whole.
func (r *recorder) ended(result *swarm.Result, interrupted bool) {
	s := batch{r: r, at: time.Now()}
	missing := int64(result.Wanted - result.Reached)
	if result.Settled != 0 && missing == 0 {
		took := result.Settled.Sub(result.From)
		s.add(r.metrics.TimeToReach, milliseconds(took), r.tags)
		h := hist.New()
		h.Record(took)
		r.step.distribution(total{metric: r.metrics.TimeToReach.Name}, h.Distribution())
	}
	if !interrupted {
		s.count(r.metrics.ConnectionsUnmet, missing)
	}
	s.push()
}

// batch is samples of one moment.
type batch struct {
	r       *recorder
	at      time.Time
	samples metrics.Samples
}

// count adds to a Counter, with tags as names and values in turn.
func (b *batch) count(metric *metrics.Metric, n int64, tags ...string) {
	if n == 0 {
		return
	}
	b.r.step.count(metric, n, tags)
	set := b.r.tags
	for ; len(tags) > 1; tags = tags[2:] {
		set = set.With(tags[0], tags[1])
	}
	b.add(metric, float64(n), set)
}

// untaken counts messages that went by HTTP and were not taken.
func (b *batch) untaken(u *protocol.Untaken) {
	u.Each(func(reason string, n int64) { b.count(b.r.metrics.MessageErrors, n, "reason", reason) })
}

func (b *batch) add(metric *metrics.Metric, value float64, tags *metrics.TagSet) {
	b.samples = append(b.samples, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: b.at, Value: value,
	})
}

func (b *batch) push() {
	if len(b.samples) > 0 {
		b.r.out <- b.samples
	}
}

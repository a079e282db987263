package binding

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine"
)

// socketRecorder tells k6 what it counts of its own sockets. It is used on the
// socket's loop, which never waits for k6.
type socketRecorder struct {
	// until is the context of a setup(): k6 does not wait for the sockets of one
	// that failed, as it does for those of virtual users. nil elsewhere.
	until                                    context.Context
	builtin                                  *metrics.BuiltinMetrics
	metrics                                  *metricSet
	tags                                     *metrics.TagSet
	out                                      chan<- metrics.SampleContainer
	process                                  *process
	logger                                   logrus.FieldLogger
	sessions, messagesSent, messagesReceived int64
	tcpConnections                           int64 // made for a socket
	missed                                   int64 // times that found the outbox full
	told                                     engine.Traffic
	toldStreams                              engine.StreamCounts
}

func (i *instance) newSocketRecorder(state *lib.State, tags map[string]string) *socketRecorder {
	r := &socketRecorder{
		builtin: state.BuiltinMetrics, metrics: i.metrics, tags: state.Tags.GetCurrentValues().Tags.WithTagsFromMap(tags),
		out: state.Samples, process: i.process, logger: state.Logger,
	}
	if state.VUIDGlobal == 0 { // setup() and teardown()
		r.until = i.vu.Context()
	}
	return r
}

func (r *socketRecorder) opened(in time.Duration) {
	r.sessions++
	r.time(r.builtin.WSConnecting, in)
}

func (r *socketRecorder) pinged(in time.Duration) { r.time(r.builtin.WSPing, in) }

func (r *socketRecorder) closed(after time.Duration) { r.time(r.builtin.WSSessionDuration, after) }

// time tells k6 one time, unless it has taken none for long.
func (r *socketRecorder) time(metric *metrics.Metric, d time.Duration) {
	if r.process.outbox.full() {
		r.missed++
		r.process.outbox.warn(r.logger)
		return
	}
	r.put(metrics.Samples{r.sample(metric, milliseconds(d), r.tags)}, nil)
}

// streams tells k6 how many event streams are open, of which this one is one more or less.
func (r *socketRecorder) streams(change int) {
	r.process.countStream(change, func(all int) {
		r.put(metrics.Samples{r.sample(r.metrics.ActiveStreams, float64(all), r.tags)}, nil)
	})
}

func (r *socketRecorder) sample(metric *metrics.Metric, value float64, tags *metrics.TagSet) metrics.Sample {
	return metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: time.Now(), Value: value}
}

// flush reports the counts since the last report. While k6 takes no samples, counts wait for the
// next time.
func (r *socketRecorder) flush(t engine.Traffic) {
	if !r.process.outbox.full() {
		r.put(r.counted(t), nil)
	}
}

// end is the last flush, and calls then once k6 has taken it.
func (r *socketRecorder) end(t engine.Traffic, then func()) {
	r.put(r.counted(t), then)
}

func (r *socketRecorder) put(samples metrics.Samples, then func()) {
	r.process.outbox.put(outgoing{to: r.out, until: r.until, samples: samples, then: then})
}

func (r *socketRecorder) counted(t engine.Traffic) (counts metrics.Samples) {
	var streams engine.StreamCounts
	if t.Streams != nil {
		streams = t.Streams.StreamCounts
	}
	aloneTags, togetherTags := r.tags.With("read", "alone"), r.tags.With("read", "together")
	sentTags, receivedTags := r.tags.With(byDirection, sent), r.tags.With(byDirection, received)
	for _, c := range [...]struct {
		metric *metrics.Metric
		tags   *metrics.TagSet
		n      int64
	}{
		{r.builtin.WSSessions, r.tags, r.sessions},
		{r.metrics.TCPConnections, r.tags, r.tcpConnections},
		{r.builtin.WSMessagesSent, r.tags, r.messagesSent},
		{r.builtin.WSMessagesReceived, r.tags, r.messagesReceived},
		{r.builtin.DataSent, r.tags, t.Sent - r.told.Sent},
		{r.builtin.DataReceived, r.tags, t.Received - r.told.Received},
		{r.metrics.MessageBytes, sentTags, t.MessageBytesSent - r.told.MessageBytesSent},
		{r.metrics.MessageBytes, receivedTags, t.MessageBytes - r.told.MessageBytes},
		{r.metrics.WireBytes, sentTags, t.WireBytesSent - r.told.WireBytesSent},
		{r.metrics.WireBytes, receivedTags, t.WireBytes - r.told.WireBytes},
		{r.metrics.Events, aloneTags, streams.EventsAlone - r.toldStreams.EventsAlone},
		{r.metrics.Events, togetherTags, streams.EventsTogether - r.toldStreams.EventsTogether},
		{r.metrics.EventReads, r.tags, streams.Reads - r.toldStreams.Reads},
		{r.metrics.Comments, r.tags, streams.Comments - r.toldStreams.Comments},
		{r.metrics.InvalidEvents, r.tags, streams.InvalidUTF8 - r.toldStreams.InvalidUTF8},
	} {
		if c.n != 0 {
			counts = append(counts, r.sample(c.metric, float64(c.n), c.tags))
		}
	}
	if r.missed > 0 {
		counts = append(counts, r.sample(r.metrics.Unmeasured, float64(r.missed), r.tags.With("reason", "not_taken")))
	}
	r.sessions, r.tcpConnections, r.messagesSent, r.messagesReceived, r.missed, r.told = 0, 0, 0, 0, 0, t
	r.toldStreams = streams
	return counts
}

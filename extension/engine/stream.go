package engine

import (
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/eventstream"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/hist"
	"xk6-realtime/engine/wire"
)

// Resumption is what a reconnection to an event stream goes on from.
type Resumption struct {
	// LastEventID is to be sent as Last-Event-ID, unless it is empty.
	LastEventID string
	// Retry is how long the server asked to wait before; -1 where it did not.
	Retry time.Duration
}

// Resumption tells how to go on with an event stream: while it is open, and when
// the handler hears that it is closed.
func (c *Conn) Resumption() Resumption {
	if c.wire != eventStream {
		return Resumption{Retry: -1}
	}
	r := Resumption{LastEventID: string(c.stream.LastID()), Retry: -1}
	if ms, given := c.stream.RetryMs(); given {
		r.Retry = time.Duration(ms) * time.Millisecond
	}
	return r
}

// Comments is how many comments an event stream has brought.
func (c *Conn) Comments() int64 {
	if c.wire != eventStream {
		return 0
	}
	return c.stream.Comments()
}

// stream is an event stream, and its measurements.
type stream struct {
	eventstream.Stream
	due     clock.Time // its intended start
	last    clock.Time // its last event
	longest time.Duration
	told    told
	readAt  clock.Time // when its last events were read
	alone   bool       // of which there was one
}

// told are the counts of one stream that its meter has.
type told struct{ comments, invalid int64 }

// StreamMeter is what event streams are measured by. It belongs to one loop.
type StreamMeter struct {
	// Times, if given, keeps when things came.
	Times *StreamTimes
	StreamCounts
}

// StreamTimes are a StreamMeter's times.
type StreamTimes struct {
	// FirstByte is the intended start of a stream to the first byte of its answer,
	// FirstEvent to its first event.
	FirstByte, FirstEvent *hist.Histogram
	// Gap is the time between two events of a stream. Of events that were read
	// together, it is what Message.At has of their arrivals.
	Gap *hist.Histogram
	// LongestStall is the longest time between two events of each stream that is
	// over, or from its last one to an end that was not planned.
	LongestStall *hist.Histogram
}

// StreamCounts are a StreamMeter's counts.
type StreamCounts struct {
	// EventsAlone came in a read of their own, EventsTogether in one that brought
	// several of one stream: many of these speak of a proxy that buffers.
	EventsAlone, EventsTogether int64
	// Reads is how many brought an event, in whole or in part.
	Reads    int64
	Comments int64
	// InvalidUTF8 are events with bytes that are not UTF-8, which U+FFFD replaced.
	InvalidUTF8 int64
}

// event measures one event.
func (s *stream) event(m *StreamTimes, at clock.Time) {
	if s.last == 0 {
		m.FirstEvent.Record(at.Sub(s.due))
	} else {
		gap := max(at.Sub(s.last), 0)
		m.Gap.Record(gap)
		s.longest = max(s.longest, gap)
	}
	s.last = at
}

// read counts what one read brought.
func (s *stream) read(m *StreamMeter, events int64, at clock.Time) {
	now := told{s.Comments(), s.InvalidUTF8()}
	m.Comments += now.comments - s.told.comments
	m.InvalidUTF8 += now.invalid - s.told.invalid
	s.told = now
	switch {
	case events == 0:
		return
	case s.readAt == at: // a further frame of HTTP/2, or record of TLS
		if s.alone {
			m.EventsAlone--
			events++
		}
		m.EventsTogether += events
		s.alone = false
		return
	case events == 1:
		m.EventsAlone++
	default:
		m.EventsTogether += events
	}
	s.readAt, s.alone = at, events == 1
	m.Reads++
}

// ended measures a stream that is over.
func (s *stream) ended(m *StreamTimes, at clock.Time) {
	if s.last != 0 && !s.End().Planned {
		s.longest = max(s.longest, at.Sub(s.last))
	}
	if s.longest > 0 {
		m.LongestStall.Record(s.longest)
	}
}

// streamTimes is what keeps the times of c, nil for nothing.
func (c *Conn) streamTimes() *StreamTimes {
	if meter := c.streamMeter(); meter != nil {
		return meter.Times
	}
	return nil
}

// streamMeter is what measures c, nil for nothing.
func (c *Conn) streamMeter() *StreamMeter {
	if c.traffic == nil {
		return nil
	}
	return c.traffic.Streams
}

// takeEvents is takeBytes for an event stream that is open.
func (c *Conn) takeEvents(b []byte, more bool, a wire.Arrival) {
	events, meter, times := int64(0), c.streamMeter(), c.streamTimes()
	for c.state == up && c.stream.IsOpen() {
		m, payload, n := c.stream.Next((*link)(c), c.loop.streams, b, more, a)
		if c.traffic != nil {
			c.traffic.WireBytes += int64(n)
		}
		if m.Kind == wire.None {
			break
		}
		if b = b[n:]; len(b) > 0 || more {
			c.loop.boundUsed = true
		}
		if c.traffic != nil {
			c.traffic.received(&m, payload)
		}
		if events++; times != nil {
			c.stream.event(times, m.At)
		}
		c.receiver.Message(c, m)
	}
	if meter != nil {
		c.stream.read(meter, events, a.Read)
	}
}

// ask is the wire's request.
func (c *Conn) ask() ([]byte, error) {
	o := c.opening
	if c.wire != eventStream {
		return c.loop.sockets.Ask(&o.upgrade)
	}
	return c.loop.streams.Ask(o.streamRequest())
}

// streamRequest is the request for an event stream, redirected as it may be.
func (o *opening) streamRequest() *handshake.Request {
	r := &o.upgrade.Request
	if o.redirects > 0 {
		r.Path = o.redirectPath
	}
	if o.asGet {
		r.Method, r.Body = "", nil
	}
	o.redirectPath = r.Path
	return r
}

// streamAnswered takes bytes of the answer's head, and returns those behind it.
func (c *Conn) streamAnswered(b []byte, at clock.Time) (rest []byte) {
	o := c.opening
	if o.FirstByte == 0 {
		o.FirstByte = at
	}
	head := b
	if len(o.answer) > 0 {
		o.answer = append(o.answer, b...)
		head = o.answer
	}
	n, answer, err := c.stream.Answered(c.loop.streams, head)
	switch {
	case err != nil:
		c.streamRefused(err, answer)
		return nil
	case n == 0:
		if len(o.answer) == 0 {
			o.answer = append(o.answer, b...)
		}
		return nil
	}
	rest = b[len(b)-(len(head)-n):]
	c.streamOpened(at)
	if c.state == up && len(rest) == 0 {
		c.takeEvents(nil, false, wire.Arrival{Since: at, At: at, Read: at}) // a body may be empty
	}
	return rest
}

// streamAnsweredFields takes the answer over HTTP/2.
func (c *Conn) streamAnsweredFields(fields []hpack.HeaderField, at clock.Time) {
	o := c.opening
	if o.FirstByte == 0 {
		o.FirstByte = at
	}
	answer, err := c.stream.AnsweredFields(fields)
	switch {
	case err != nil:
		c.streamRefused(err, answer)
	case c.stream.IsOpen():
		c.streamOpened(at)
	}
}

// streamOpened: the answer is that of an event stream.
func (c *Conn) streamOpened(at clock.Time) {
	o := c.opening
	o.Opened = at
	c.stream.due = o.Due
	if times := c.streamTimes(); times != nil {
		times.FirstByte.Record(o.FirstByte.Sub(o.Due))
	}
	c.opened()
}

// streamRefused: the answer is another one, which may lead elsewhere.
func (c *Conn) streamRefused(err error, a handshake.Answer) {
	if err == handshake.ErrStatus && isRedirect(a.Status) && len(a.Location) > 0 {
		c.redirected(a)
		return
	}
	c.refused(err, a.Status, a.Location)
}

// isRedirect tells whether a status sends elsewhere (RFC 9110 section 15.4).
func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// maxRedirects is what the Fetch standard allows.
const maxRedirects = 20

// redirected goes where an answer leads. Another host is nobody's wish to load
// that did not name it, and none to show a token to.
func (c *Conn) redirected(a handshake.Answer) {
	l, o := c.loop, c.opening
	to, path, err := resolveLocation(o.endpoint, o.redirectPath, string(a.Location))
	switch {
	case o.redirects == maxRedirects:
		c.fail(statusReason(a.Status), &RedirectError{Endless: true})
		return
	case err != nil, !followable(&o.endpoint, &to):
		c.refused(handshake.ErrStatus, a.Status, a.Location)
		return
	}
	o.redirects++
	o.redirectPath = path
	o.asGet = o.asGet || a.Status != 307 && a.Status != 308
	if c.lane != nil {
		c.lane.close(false)
	} else {
		l.poll.close(c, false)
	}
	if c.secure != nil {
		c.secure.free()
		c.secure, c.between = nil, c.throttle != nil
	}
	l.unsent -= len(c.unsent)
	c.unsent, c.full = nil, false
	o.answer = o.answer[:0]
	o.endpoint, o.first = to, Failure{}
	o.FirstByte = 0
	o.upgrade.Reset()
	c.stopDeadline()
	if o.most > 0 {
		c.dialLane(o.most)
		return
	}
	o.Tunnelled, o.Secured = 0, 0
	c.setOut()
}

// followable tells whether a redirect stays with the server: the same origin, or
// TLS on the same host.
func followable(from, to *Endpoint) bool {
	if !strings.EqualFold(from.Host, to.Host) {
		return false
	}
	return from.Secure == to.Secure && from.Port == to.Port || to.Secure && !from.Secure
}

// resolveLocation is where a Location leads from a path of an endpoint.
func resolveLocation(from Endpoint, path, location string) (to Endpoint, toPath string, err error) {
	scheme := "http://"
	if from.Secure {
		scheme = "https://"
	}
	base, err := url.Parse(scheme + from.Authority + path)
	if err != nil {
		return to, "", err
	}
	target, err := base.Parse(location)
	if err != nil {
		return to, "", err
	}
	target.Fragment, target.RawFragment = "", ""
	return ParseStreamURL(target.String())
}

// keptAnswer is the memory of an answer for the next connection, unless a peer
// made it large.
func keptAnswer(answer []byte) []byte {
	if cap(answer) > 2<<10 {
		return nil
	}
	return answer[:0]
}

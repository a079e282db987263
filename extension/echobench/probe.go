package echobench

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
)

var errInterrupted = errors.New("interrupted")

// batchBytes is how much of what may go at once goes in one write.
const batchBytes = 16 << 10

// probe is one connection of a measurement. Echoes come in the order of their
// messages, so the oldest one without an echo is the one that comes.
type probe struct {
	m       *measurement
	share   *share
	conn    *engine.Conn
	number  int // among the connections
	sent    int
	got     int
	alarmed bool
	over    bool // nothing that happens counts any more
	said    bool // that it is done
	why     string
	opened  chan<- error // until it is open

	// times are, by message: the instant at which its clock begins, and once its
	// echo came the nanoseconds until then.
	times       []int64
	first, last clock.Time      // the first message's beginning, the last echo's arrival
	delays      []time.Duration // of an open load: how late each message was written
}

func (p *probe) Opened(*engine.Conn, *engine.Opening) { p.opened <- nil }

func (p *probe) Failed(_ *engine.Conn, _ *engine.Opening, f engine.Failure) {
	p.opened <- fmt.Errorf("could not connect: %w", f)
	p.m.closed <- struct{}{}
}

func (p *probe) Closed(_ *engine.Conn, e engine.End) {
	switch {
	case e.Breach != "":
		p.fail("the server broke WebSocket: %s", e.Breach)
	case e.Code == frame.CodeAbnormal:
		p.fail("the connection ended without a Close frame, by %s", e.By)
	default:
		p.fail("the connection ended: code %d %q, by %s", e.Code, e.Text, e.By)
	}
	p.m.closed <- struct{}{}
}

// fail ends the case. Later events are not failures.
func (p *probe) fail(format string, args ...any) {
	if p.over || p.got == len(p.times) {
		return
	}
	p.over, p.why = true, fmt.Sprintf(format, args...)
	p.say()
}

func (p *probe) say() {
	if !p.said {
		p.said = true
		p.m.ended <- struct{}{}
	}
}

// begin sends what may go at once.
func (p *probe) begin() {
	switch {
	case p.over:
	case p.m.Rate > 0:
		p.conn.SetAlarm(p.due())
	case p.m.Depth == 1:
		p.send()
	default:
		p.flush()
	}
}

// due is when an open load's next message is due: connections take turns.
func (p *probe) due() clock.Time {
	n := p.number + p.sent*p.m.Connections
	return p.m.began.Add(time.Duration(float64(n) / p.m.Rate * float64(time.Second)))
}

func (p *probe) Alarm(_ *engine.Conn, now clock.Time) {
	p.alarmed = false
	if p.m.Rate == 0 {
		p.flush()
		return
	}
	for !p.over && p.sent < len(p.times) {
		due := p.due()
		if due > now {
			p.conn.SetAlarm(due)
			return
		}
		p.sendDue(due)
	}
}

// sendDue sends one message whose clock began when it was due.
func (p *probe) sendDue(due clock.Time) {
	written, ok := p.write()
	if !ok {
		return
	}
	p.note(due)
	p.delays = append(p.delays, written.Sub(due))
}

// send sends one message whose clock begins now.
func (p *probe) send() {
	if written, ok := p.write(); ok {
		p.note(written)
	}
}

func (p *probe) write() (written clock.Time, ok bool) {
	written, err := p.conn.SendMessage(p.payload(p.sent), p.m.Binary)
	if err != nil {
		p.fail("message %d could not be sent: %v", p.sent+1, err)
	}
	return written, err == nil
}

// note keeps when the clock of the message that was just sent began.
func (p *probe) note(began clock.Time) {
	if p.sent == 0 {
		p.first = began
	}
	p.times[p.sent] = int64(began)
	p.sent++
}

// mayGo is how many messages may be sent before the next echo.
func (p *probe) mayGo() int {
	most := len(p.times)
	if p.m.Depth > 0 {
		most = min(most, p.got+p.m.Depth)
	}
	return most - p.sent
}

// flush sends messages in one write. While the kernel takes no more nothing is
// sent: what waits then has echoes to come, and these call for the next flush.
func (p *probe) flush() {
	if p.over || p.mayGo() == 0 || p.conn.Unsent() > 0 {
		return
	}
	s, op := p.share, frame.Text
	if p.m.Binary {
		op = frame.Binary
	}
	s.batch = s.batch[:0]
	n := 0
	for most := p.mayGo(); n < most && (n == 0 || len(s.batch)+len(s.payload) <= batchBytes); n++ {
		s.batch = frame.AppendMasked(s.batch, op, mask(), p.payload(p.sent+n))
	}
	written, err := p.conn.SendRaw(s.batch)
	if err != nil {
		p.fail("message %d could not be sent: %v", p.sent+1, err)
		return
	}
	for range n {
		p.note(written)
	}
	p.call()
}

// call has flush called in the loop's next turn, if there is something to send:
// what came meanwhile is read first.
func (p *probe) call() {
	if !p.alarmed && p.mayGo() > 0 && p.conn.Unsent() == 0 {
		p.alarmed = true
		p.conn.SetAlarm(clock.Now())
	}
}

// numberBytes is how much of a message its number takes, if it has so many.
const numberBytes = 8

// payload is message n of the connection, good until the next one. Its number
// stands in its first bytes, so that one echo is not taken for another.
func (p *probe) payload(n int) []byte {
	b := p.share.payload
	for i := range min(numberBytes, len(b)) {
		b[i] = "0123456789abcdef"[n>>(4*i)&15]
	}
	return b
}

func (p *probe) Message(_ *engine.Conn, m engine.Message) {
	if !m.Kind.IsData() || p.over {
		return
	}
	if p.got == p.sent {
		p.fail("a message that is not an echo came after %d echoes", p.got)
		return
	}
	if why := p.wrong(&m); why != "" {
		p.fail("echo %d: %s", p.got+1, why)
		return
	}
	began, at := clock.Time(p.times[p.got]), m.At
	if at < began {
		at = m.Read // the wall clock, which the kernel stamps by, was set back just now
	}
	p.times[p.got] = int64(at.Sub(began))
	p.got++
	p.last = at
	p.share.gaps.Record(m.At.Sub(m.Since))
	switch {
	case p.got == len(p.times):
		p.say()
	case p.m.Rate > 0:
	case p.m.Depth == 1:
		p.send()
	default:
		p.call()
	}
}

// wrong describes the fault of an echo.
func (p *probe) wrong(m *engine.Message) string {
	switch {
	case (m.Kind == engine.Binary) != p.m.Binary:
		return "expected a message of the type that was sent, got the other one"
	case len(m.Data) != p.m.Size:
		return fmt.Sprintf("expected %d bytes, got %d", p.m.Size, len(m.Data))
	case p.m.Verify && !bytes.Equal(m.Data, p.payload(p.got)):
		return "expected the content that was sent, got another"
	}
	return ""
}

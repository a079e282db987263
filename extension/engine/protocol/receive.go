package protocol

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/protocol/jsontext"
)

// Receive takes a message that came at an instant, or, where that is not known exactly, between
// since and then. One that may have come in time did. Answers to it are sent when it is read,
// from which a session's next timeout counts.
func (c *Conversation) Receive(e Events, message []byte, binary bool, since, at, read clock.Time) {
	if c.state == fresh || c.state == over {
		return
	}
	c.elapse(e, since)
	if c.state == over {
		return
	}
	c.in.since, c.in.read = since, read
	c.in.reader.values = c.values
	if c.in.protocol.hasWires {
		c.receiveFramed(e, message, binary, at)
		return
	}
	r, delimiter := &c.in.reader, c.in.protocol.wire.delimiter
	r.loadMessage(message, binary)
	if delimiter == nil || !r.isText {
		c.take(e, at)
		return
	}
	for count := 0; len(message) > 0 && c.state != over; {
		one, rest, _ := bytes.Cut(message, delimiter)
		if count == mostMessages-1 {
			one, rest = message, nil
		}
		if message = rest; len(one) > 0 {
			count++
			r.loadMessage(one, false)
			c.take(e, at)
		}
	}
}

// mostMessages is how many messages of the protocol one of WebSocket is taken
// apart into: then the rest is one.
const mostMessages = 65_536

// take takes the protocol's message that the reader has.
func (c *Conversation) take(e Events, at clock.Time) {
	in := c.in
	in.taking = true
	role := c.takeAs(e, at)
	if role == "" {
		c.unknown(e)
	}
	in.taking = false
	if r := &in.reader; in.checker != nil && r.isText {
		c.check(role)
	}
	if len(in.answerEnds) > 0 {
		c.checkAnswers()
	}
}

// check has the message checked that was just taken.
func (c *Conversation) check(role string) {
	in, s := c.in, &c.needRare().contract
	if len(in.answering) == 0 {
		in.checker.Check(s, in.reader.text, true, role, contract.Server)
		return
	}
	in.checker.CheckReply(s, in.reader.text, in.answering, in.protocol.Replies[in.answeringAs])
}

// takeAs tells the role of the message, empty for an unknown one.
func (c *Conversation) takeAs(e Events, at clock.Time) (role string) {
	c.in.answered, c.in.answering = false, c.in.answering[:0]
	brought := c.takeLists(e, at)
	switch {
	case c.takeAwaited(e):
		return contract.RoleSession
	case c.takeHeartbeat(e):
		return contract.RoleHeartbeat
	case c.takeRefreshed():
		return contract.RoleRefresh
	case c.takeError(e):
		return contract.RoleError
	case c.takeReply(e, at):
		return contract.RoleReply
	case brought, c.takeDelivery(e, at):
		return contract.RoleDelivery
	case c.in.answered:
		return contract.RoleHeartbeat
	}
	return ""
}

func (c *Conversation) takeAwaited(e Events) bool {
	if c.state != inSession {
		return false
	}
	r := &c.in.reader
	s := c.currentStep()
	if !r.matches(s.awaits) {
		return false
	}
	for i := range s.captures {
		// All are there, or none is taken.
		if _, kind := r.value(s.captures[i].locator); kind == noValue {
			c.failSession(e, Contract, []byte(`nothing to capture as "`+s.captures[i].name+`"`))
			return true
		}
	}
	for i := range s.captures {
		captured := &s.captures[i]
		text, kind := r.value(captured.locator)
		c.values[captured.slot] = Value{string(text), kind}
		e.Captured(captured.name, c.values[captured.slot].Text)
	}
	c.step++
	c.runSteps(e, c.in.read)
	return true
}

func (c *Conversation) takeHeartbeat(e Events) bool {
	r := &c.in.reader
	for i := range c.in.protocol.answers {
		a := &c.in.protocol.answers[i]
		if !r.matches(&a.condition) {
			continue
		}
		c.answer(e, a)
		if !a.passes {
			return true
		}
		c.in.answered = true
	}
	return false
}

// answer answers the message that the reader has.
func (c *Conversation) answer(e Events, a *answer) {
	l := &c.in.own
	l.captured = l.captured[:0]
	for i := range a.captures {
		text, kind := c.in.reader.value(a.captures[i].locator)
		if kind == noValue {
			e.Invalid(Contract, `heartbeat: nothing to capture as "`+a.captures[i].name+`"`)
			return
		}
		// Good until the message is written, like the reader's values.
		l.captured = append(l.captured, Value{unsafe.String(unsafe.SliceData(text), len(text)), kind})
	}
	if a.message != nil {
		c.sendOrTell(e, a.message, c.in.read, l, ForHeartbeat)
	}
}

func (c *Conversation) takeRefreshed() bool {
	refresh := c.in.protocol.refresh
	return refresh != nil && refresh.awaits != nil && c.in.reader.matches(refresh.awaits)
}

func (c *Conversation) takeError(e Events) bool {
	for i := range c.in.protocol.errors {
		if f := &c.in.protocol.errors[i]; c.in.reader.matches(&f.condition) {
			c.fail(e, f)
			return true
		}
	}
	return false
}

func (c *Conversation) fail(e Events, f *failure) {
	r := &c.in.reader
	reason, ok := []byte(nil), false
	if f.reason.given() {
		reason, ok = r.textAt(f.reason)
	}
	if !ok {
		reason = unknownReason
	}
	var probe *Probe
	if c.ledger != nil {
		switch f.settles {
		case "oldest":
			probe = c.ledger.oldest()
		case "id":
			if id, ok := r.textAt(f.id); ok {
				probe = c.ledger.byID(id)
			}
		}
	}
	missing := uint16(0)
	if probe != nil {
		missing = c.in.protocol.allReplies &^ probe.answered
		if !c.ledger.fail(probe) {
			probe, missing = nil, 0
		}
	}
	inSession := c.state == inSession
	e.Failed(reason, probe, missing)
	if inSession {
		c.failSession(e, ErrorFault, reason)
	}
}

var unknownReason = []byte("unknown")

func (c *Conversation) takeReply(e Events, at clock.Time) bool {
	r := &c.in.reader
	for i := range c.in.protocol.replies {
		rule := &c.in.protocol.replies[i]
		if !r.matches(&rule.condition) {
			continue
		}
		var probe *Probe
		switch rule.match {
		case "fifo":
			if c.ledger != nil {
				probe = c.ledger.takeTurn(i)
			}
		case "whole":
			if r.isText && c.ledger != nil {
				probe = c.ledger.takeMessage(i, r.sent)
			}
		default:
			id, ok := r.textAt(rule.id)
			if !ok && !rule.always() {
				e.Invalid(Contract, `reply "`+rule.name+`" without an identifier`)
				return true
			}
			if ok && c.ledger != nil {
				probe = c.ledger.byID(id)
			}
		}
		if probe == nil {
			continue
		}
		outcome, last := c.ledger.answer(i, probe, c.in.protocol.allReplies)
		if outcome == moot {
			return true
		}
		c.in.reply = Reply{Outcome: outcome, Index: i, ID: probe.ID, Due: probe.Due, Sent: probe.Sent, At: at, Last: last}
		if outcome == InTime && c.in.checker != nil && c.in.checker.Examples != nil {
			c.in.answering, c.in.answeringAs = append(c.in.answering[:0], probe.ID...), i
		}
		e.Replied(&c.in.reply)
		return true
	}
	return false
}

func (c *Conversation) takeDelivery(e Events, at clock.Time) bool {
	r, p := &c.in.reader, c.in.protocol
	for i := range p.deliveries {
		if rule := &p.deliveries[i]; r.matches(&rule.condition) {
			c.deliver(e, r, rule, at)
			return true
		}
	}
	for i := range p.lists {
		// A message that brings a list, by its regex, but whose JSON is not valid.
		if l := &p.lists[i]; l.regex != nil && r.matches(&l.condition) && !r.json() {
			c.deliver(e, r, &l.delivery, at)
			return true
		}
	}
	return false
}

// takeLists takes the deliveries that a message brings in a list, whatever else
// it is.
func (c *Conversation) takeLists(e Events, at clock.Time) bool {
	r, p := &c.in.reader, c.in.protocol
	for i := range p.lists {
		l := &p.lists[i]
		if !r.matches(&l.condition) {
			continue
		}
		if elements := r.list(l.each); elements != nil && c.takeElements(e, l, elements, at) {
			return true
		}
	}
	return false
}

// takeElements tells whether any element is a delivery, or there is none at
// all.
func (c *Conversation) takeElements(e Events, l *list, elements []byte, at clock.Time) bool {
	element := &c.in.element
	count, fitting := 0, 0
	for ; elements[0] != ']'; count++ {
		if count == mostMessages {
			e.Invalid(TooMany, fmt.Sprintf("more than %d elements in the list of one message", mostMessages))
			return true
		}
		end := jsontext.ValueEnd(elements)
		element.loadElement(elements[:end], &l.element.root, &c.in.reader)
		if element.fits(l.elementWhere) {
			fitting++
			c.deliver(e, element, &l.delivery, at)
		}
		if end = jsontext.Space(elements, end); elements[end] == ',' {
			end = jsontext.Space(elements, end+1)
		}
		elements = elements[end:]
	}
	return fitting > 0 || count == 0
}

// deliver takes the delivery that a reader has.
func (c *Conversation) deliver(e Events, r *reader, rule *delivery, at clock.Time) {
	if rule.isJSON && !r.json() {
		e.Invalid(Unparsable, "a delivery that is not JSON")
		return
	}
	d := &c.in.delivery
	*d = Delivery{Since: c.in.since, At: at}
	unusable := ""
	d.ID, _ = r.field(rule.id, "id", &unusable)
	d.Publisher, _ = r.field(rule.publisher, "publisher", &unusable)
	d.Room, _ = r.field(rule.room, "room", &unusable)
	if rule.seq.given() {
		d.Seq = r.sequence(rule.seq)
		r.check(d.Seq.Given(), rule.seq, "seq", &unusable)
	}
	if rule.sentAt.given() {
		d.SentAtMs, d.SentAtUnit, d.HasSentAt = r.time(rule)
		r.check(d.HasSentAt, rule.sentAt, "sentAt", &unusable)
	}
	position := d.Seq
	if rule.cursor.given() {
		position = r.sequence(rule.cursor)
		r.check(position.Given(), rule.cursor, "cursor", &unusable)
	}
	if unusable != "" {
		// It came all the same, and counts without that field.
		e.Invalid(Contract, "delivery with an unusable "+unusable)
	}
	// Until the server has answered the resume message, live deliveries overtake
	// the missed ones: a client that is cut off then must ask from the same place
	// again.
	if c.state == ready || !c.resumes {
		c.last.set(position)
	}
	e.Delivered(d)
}

// time reads when a delivery was sent, in milliseconds since 1970, and what that
// is counted in.
func (r *reader) time(rule *delivery) (ms float64, unit time.Duration, ok bool) {
	if rule.isISO {
		text, _ := r.textAt(rule.sentAt)
		return isoTime(text)
	}
	ms, ok = r.number(rule.sentAt)
	ms = ms * rule.up / rule.down
	if rule.since != 0 {
		ms += rule.since
	}
	return ms, rule.sentAtUnit(), ok && !math.IsInf(ms, 0)
}

// field reads a text of a delivery.
func (r *reader) field(l locator, name string, unusable *string) (text []byte, ok bool) {
	if !l.given() {
		return nil, false
	}
	text, ok = r.textAt(l)
	r.check(ok, l, name, unusable)
	return text, ok
}

// check notes the first field that is there and of no use: it may be absent,
// but what is there must be of use.
func (r *reader) check(ok bool, l locator, name string, unusable *string) {
	if !ok && *unusable == "" && r.has(l) {
		*unusable = name
	}
}

func (c *Conversation) unknown(e Events) {
	r := &c.in.reader
	switch {
	case r.lackedJSON() && !r.isText:
		e.Invalid(Unparsable, "bytes that are not UTF-8")
	case r.lackedJSON():
		e.Invalid(Unparsable, "a message that is not JSON")
	case c.in.protocol.unmatchedErrors:
		e.Invalid(Unmatched, "a message that the descriptor does not describe")
	default:
		e.Ignored()
	}
}

// set keeps where one could resume after a delivery.
func (k *cursor) set(s Sequence) {
	if !s.Given() {
		return
	}
	k.kind = s.kind
	if s.whole {
		k.number, k.text = s.Number, nil
		return
	}
	if k.text == nil {
		k.text = new([]byte)
	}
	*k.text = append((*k.text)[:0], s.Text...)
}

func (k *cursor) appendText(dst []byte) []byte {
	switch {
	case k.kind == noValue:
		return dst
	case k.text != nil:
		return append(dst, *k.text...)
	}
	return strconv.AppendInt(dst, k.number, 10)
}

// LastSeq appends the last delivery's cursor, or sequence, as JSON; nothing
// when there was none.
func (c *Conversation) LastSeq(dst []byte) []byte {
	if c.last.kind == textValue {
		return jsontext.AppendString(dst, c.last.appendText(nil))
	}
	return c.last.appendText(dst)
}

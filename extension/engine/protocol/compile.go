package protocol

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// defaultWithin is how long a step waits for its message, unless the
// descriptor says.
const defaultWithin = 10 * time.Second

// Slots of the variables that are not kept with the connection.
const (
	idSlot = -1 - iota
	seqSlot
	payloadSlot
	nowSlot
	lastSeqSlot
)

// Compile compiles a descriptor. columns are variables that its connections
// have beside ConnectionVariables.
func Compile(d *Descriptor, columns ...string) (*Protocol, error) {
	c := compiler{columns: columns, p: &Protocol{Name: d.Name, Subprotocols: d.Subprotocols, message: newTree()}}
	c.tree = &c.p.message
	c.compile(d)
	if c.err != nil {
		return nil, c.err
	}
	collect(&c.p.message.root)
	return c.p, nil
}

// field is what one of several forms is called.
func (s OneOrMore[T]) field(name string, i int) string {
	if len(s) == 1 {
		return name
	}
	return fmt.Sprintf("%s[%d]", name, i)
}

// compiler keeps the first error and goes on, so that the code that uses it
// reads as the descriptor does.
type compiler struct {
	p        *Protocol
	columns  []string
	tree     *tree // of the document that pointers are now of
	now      *wire // of the messages that are now compiled
	captures []string
	err      error
}

func (c *compiler) fail(field, format string, a ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %w", field, fmt.Errorf(format, a...))
	}
}

func (c *compiler) compile(d *Descriptor) {
	p := c.p
	if d.Publisher != nil {
		c.fail("publisher", "want a descriptor of its own for connections that only publish")
	}
	for _, s := range d.Session {
		c.captures = append(c.captures, sortedKeys(s.Capture)...)
	}
	c.variables(d)
	p.names = append(append([]string{}, p.Variables...), c.captures...)

	p.wire = c.wire("", d.Codec, d.Framing, d.Delimiter)
	p.hasWires = !p.wire.isPlain()
	p.nested = c.nested(d.Nested)
	c.now = p.wire
	if d.Path != "" {
		t, err := parsePathTemplate(d.Path)
		if err != nil {
			c.fail("path", "%w", err)
		}
		p.path = c.bind("path", &t, nil)
	}
	for i, s := range d.Session {
		p.session = append(p.session, c.step(fmt.Sprintf("session[%d]", i), ForSession, &s))
	}
	if d.Refresh != nil {
		s := c.step("refresh", ForRefresh, d.Refresh)
		p.refresh = &s
		p.before = c.duration("refresh.before", d.Refresh.Before)
	}
	if d.Resume != nil {
		s := c.step("resume", ForResume, d.Resume)
		p.resume = &s
		p.resumeAt = len(p.session)
		if at := d.Resume.Replaces; at != nil {
			if *at < 0 || *at >= len(p.session) {
				c.fail("resume.replaces", "want a step of the session, fewer than %d, got %d", len(p.session), *at)
			}
			p.resumeAt, p.resumeReplaces = *at, 1
		}
	}
	if d.Probe != nil {
		p.probe = c.message("probe.send", d.Probe.Send, d.Probe.Encoding, nil)
		p.idsInTwoBytes = d.Probe.ID == "uint16"
		p.numericID = d.Probe.ID == "number" || p.idsInTwoBytes
	}
	if d.Publish != nil {
		p.publish = c.message("publish.send", d.Publish.Send, d.Publish.Encoding, nil)
	}
	if len(d.Reply) > 16 {
		c.fail("reply", "want at most 16, got %d", len(d.Reply))
	}
	for i, r := range d.Reply {
		c.reply(fmt.Sprintf("reply[%d]", i), i, &r)
	}
	for i := range d.Delivery {
		c.delivery(d.Delivery.field("delivery", i), &d.Delivery[i])
	}
	for i := range d.Error {
		c.error(d.Error.field("error", i), d, &d.Error[i])
	}
	for i, b := range d.Heartbeat {
		c.beat(fmt.Sprintf("heartbeat[%d]", i), &b)
	}
	p.unmatchedErrors = d.Unmatched == "error"
	if d.Publish != nil {
		p.PublishHTTP = d.Publish.HTTP
	}
	if d.Probe != nil {
		p.ProbeHTTP = d.Probe.HTTP
	}
	p.sends = sends(d)
}

// sends is the first field that sends something on the connection. In
// lib/protocols/check.ts it is sentOnConnection.
func sends(d *Descriptor) string {
	for i, s := range d.Session {
		if s.Send != nil {
			return fmt.Sprintf("session[%d].send", i)
		}
	}
	switch {
	case d.Probe != nil && d.Probe.HTTP == nil:
		return "probe.send"
	case d.Publish != nil && d.Publish.HTTP == nil:
		return "publish.send"
	}
	for i, b := range d.Heartbeat {
		switch {
		case b.Send != nil:
			return fmt.Sprintf("heartbeat[%d].send", i)
		case b.Answer != nil:
			return fmt.Sprintf("heartbeat[%d].answer", i)
		}
	}
	switch {
	case d.Refresh != nil:
		return "refresh.send"
	case d.Resume != nil:
		return "resume.send"
	}
	return ""
}

// variables finds the connection variables that are used.
func (c *compiler) variables(d *Descriptor) {
	used := map[string]bool{}
	look := func(source *string) {
		if source == nil {
			return
		}
		parts, _ := split(*source) // what is wrong is said when it is compiled
		for _, p := range parts {
			used[p.name] = true
		}
	}
	lookAt := func(s *ConditionSpec) {
		if s == nil {
			return
		}
		for _, wanted := range s.Where {
			if text, is := wanted.(string); is {
				look(&text)
			}
		}
	}
	look(&d.Path)
	for i := range d.Session {
		look(d.Session[i].Send)
		lookAt(d.Session[i].Await)
	}
	for _, s := range []*StepSpec{d.Refresh, d.Resume} {
		if s != nil {
			look(s.Send)
			lookAt(s.Await)
		}
	}
	if d.Probe != nil {
		look(&d.Probe.Send)
	}
	if d.Publish != nil {
		look(&d.Publish.Send)
	}
	for _, b := range d.Heartbeat {
		look(b.Answer)
		look(b.Send)
		lookAt(b.When)
	}
	for i := range d.Reply {
		lookAt(&d.Reply[i].ConditionSpec)
	}
	for i := range d.Delivery {
		lookAt(&d.Delivery[i].ConditionSpec)
	}
	for i := range d.Error {
		lookAt(&d.Error[i].ConditionSpec)
	}
	for _, variable := range append(slices.Clone(ConnectionVariables), c.columns...) {
		if used[variable] && !slices.Contains(c.p.Variables, variable) {
			c.p.Variables = append(c.p.Variables, variable)
		}
	}
}

func (c *compiler) message(field, source, encoding string, own []capture) *template {
	t, err := parseTemplate(source, string(c.now.delimiter))
	if err != nil {
		c.fail(field, "%w", err)
	}
	if begins := strings.TrimLeft(source, " \t\r\n"); c.now.codec != nil && (begins == "" || !isBracket(begins[0])) {
		c.fail(field, "want an object or a list of JSON, which the codec writes")
	}
	t.wire = c.now
	t.binary = encoding == "binary" || c.now.isBytes
	if c.now.delimiter != nil {
		t.parts = append(t.parts, part{literal: string(c.now.delimiter)})
	}
	return c.bind(field, &t, own)
}

// bind says of each variable of a template where its value is. The variables own are captured
// from the very message that it answers.
func (c *compiler) bind(field string, t *template, own []capture) *template {
	special := map[string]int{
		"id": idSlot, "seq": seqSlot, "payload": payloadSlot, "nowMs": nowSlot, "lastSeq": lastSeqSlot,
	}
	for i := range t.parts {
		part := &t.parts[i]
		if part.name == "" {
			continue
		}
		if slot, ok := special[part.name]; ok {
			part.slot = slot
			continue
		}
		part.slot = slices.Index(c.p.names, part.name)
		if i := slices.IndexFunc(own, func(o capture) bool { return o.name == part.name }); i >= 0 {
			part.slot = len(c.p.names) + i
		}
		if part.slot < 0 {
			c.fail(field, "want a variable that is known here, got ${%s}", part.name)
		}
	}
	return t
}

func (c *compiler) step(field string, purpose Purpose, s *StepSpec) step {
	compiled := step{path: field, purpose: purpose, within: defaultWithin}
	if s.Codec != nil || s.Framing != "" || s.Delimiter != "" {
		compiled.wire = c.wire(field+".", s.Codec, s.Framing, s.Delimiter)
		c.p.hasWires = true
		c.now = compiled.wire
		defer func() { c.now = c.p.wire }()
	}
	if s.Send != nil {
		compiled.message = c.message(field+".send", *s.Send, s.Encoding, nil)
	}
	if s.Await == nil {
		return compiled
	}
	awaits := c.condition(field+".await", s.Await)
	compiled.awaits = &awaits
	compiled.awaited = describeAwaited(s.Await)
	compiled.captures = c.capture(field+".capture", s.Capture, &awaits)
	if s.Within != "" {
		compiled.within = c.duration(field+".within", s.Within)
	}
	return compiled
}

func (c *compiler) duration(field, text string) time.Duration {
	d, err := parseDuration(field, text)
	if err != nil && c.err == nil {
		c.err = err
	}
	return d
}

func (c *compiler) reply(field string, index int, r *ReplySpec) {
	compiled := reply{name: r.Name, match: r.Match, condition: c.condition(field, &r.ConditionSpec)}
	compiled.id = c.locator(field+".id", r.ID, &compiled.condition)
	switch r.Match {
	case "id":
		if r.ID == nil {
			c.fail(field+".id", "want where the identifier is")
		}
	case "fifo":
		c.p.turns |= 1 << index
	case "whole":
	default:
		c.fail(field+".match", `want "id", "whole" or "fifo", got %q`, r.Match)
	}
	c.p.allReplies |= 1 << index
	c.p.replies = append(c.p.replies, compiled)
	c.p.Replies = append(c.p.Replies, r.Name)
}

func (c *compiler) delivery(field string, d *DeliverySpec) {
	if d.Each == nil {
		compiled := delivery{condition: c.condition(field, &d.ConditionSpec)}
		c.fields(field, d, &compiled)
		c.p.deliveries = append(c.p.deliveries, compiled)
		return
	}
	compiled := list{element: newTree()}
	compiled.condition = c.condition(field, &ConditionSpec{Text: d.Text, Regex: d.Regex})
	compiled.each = locator{slot: c.slot(field+".each", *d.Each) + 1}
	c.tree = &compiled.element
	compiled.elementWhere = c.condition(field, &ConditionSpec{Where: d.Where}).where
	c.fields(field, d, &compiled.delivery)
	c.tree = &c.p.message
	collect(&compiled.element.root)
	c.p.lists = append(c.p.lists, compiled)
}

// fields are those of a delivery.
func (c *compiler) fields(field string, d *DeliverySpec, compiled *delivery) {
	compiled.up, compiled.down = 1, 1
	at := &compiled.condition
	compiled.id = c.locator(field+".id", d.ID, at)
	compiled.seq = c.locator(field+".seq", d.Seq, at)
	compiled.cursor = c.locator(field+".cursor", d.Cursor, at)
	compiled.publisher = c.locator(field+".publisher", d.Publisher, at)
	compiled.room = c.locator(field+".room", d.Room, at)
	if d.SentAt != nil {
		compiled.sentAt = c.locator(field+".sentAt.at", &d.SentAt.At, at)
		switch d.SentAt.Unit {
		case "s":
			compiled.up = 1_000
		case "ms":
		case "us":
			compiled.down = 1_000
		case "ns":
			compiled.down = 1_000_000
		case "iso8601":
			compiled.isISO = true
		default:
			c.fail(field+".sentAt.unit", `want "s", "ms", "us", "ns" or "iso8601", got %q`, d.SentAt.Unit)
		}
		if since := d.SentAt.Since; since != "" {
			var ok bool
			if compiled.since, _, ok = isoTime([]byte(since)); !ok {
				c.fail(field+".sentAt.since", "want a time such as 2015-01-01T00:00:00Z, got %q", since)
			}
		}
	}
	for _, l := range []locator{compiled.id, compiled.seq, compiled.cursor, compiled.publisher, compiled.room, compiled.sentAt} {
		compiled.isJSON = compiled.isJSON || l.slot != 0
	}
}

func (c *compiler) error(field string, d *Descriptor, e *ErrorSpec) {
	compiled := failure{condition: c.condition(field, &e.ConditionSpec), settles: e.Settles}
	compiled.reason = c.locator(field+".reason", e.Reason, &compiled.condition)
	switch e.Settles {
	case "", "oldest":
	case "id":
		id := e.ID
		for i := 0; id == nil && i < len(d.Reply); i++ {
			if d.Reply[i].Match == "id" {
				id = d.Reply[i].ID
			}
		}
		if id == nil {
			c.fail(field+".id", "want where the identifier is")
		}
		compiled.id = c.locator(field+".id", id, &compiled.condition)
	default:
		c.fail(field+".settles", `want "id" or "oldest", got %q`, e.Settles)
	}
	c.p.errors = append(c.p.errors, compiled)
}

func (c *compiler) beat(field string, b *HeartbeatSpec) {
	switch {
	case b.When != nil && b.Every == "":
		compiled := answer{condition: c.condition(field+".when", b.When), passes: b.Consume != nil && !*b.Consume}
		compiled.captures = c.capture(field+".capture", b.Capture, &compiled.condition)
		for i := range compiled.captures {
			compiled.captures[i].slot = len(c.p.names) + i // good for the answer alone
		}
		if b.Answer != nil {
			compiled.message = c.message(field+".answer", *b.Answer, b.Encoding, compiled.captures)
		}
		c.p.answers = append(c.p.answers, compiled)
	case b.When == nil && b.Every != "" && b.Send != nil:
		c.p.beats = append(c.p.beats, beat{
			every:   c.duration(field+".every", b.Every),
			message: c.message(field+".send", *b.Send, b.Encoding, nil),
		})
	default:
		c.fail(field, `want either "when" (and "answer") or "every" and "send"`)
	}
}

package protocol

import (
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"xk6-realtime/engine/clock"
)

func (c *Conversation) currentStep() *step {
	p := c.in.protocol
	i := int(c.step)
	if c.authenticate {
		if i == 0 {
			return p.refresh
		}
		i--
	}
	if c.resumes && i >= p.resumeAt {
		if i == p.resumeAt {
			return p.resume
		}
		i += p.resumeReplaces - 1
	}
	if i < len(p.session) {
		return &p.session[i]
	}
	return nil
}

// runSteps goes through the steps as far as nothing is awaited. Their messages
// are sent at that instant.
func (c *Conversation) runSteps(e Events, at clock.Time) {
	for ; ; c.step++ {
		s := c.currentStep()
		if s == nil {
			break
		}
		if s.message != nil {
			if err := c.send(e, s.message, at, nil, s.purpose); err != nil {
				c.failSession(e, Contract, []byte(err.Error()))
				return
			}
		}
		if s.awaits != nil {
			c.stepDeadline = at.Add(s.within)
			return
		}
	}
	c.state = ready
	if beats := c.in.protocol.beats; len(beats) > 0 {
		r := c.needRare()
		r.nextBeats = make([]clock.Time, len(beats))
		for i, b := range beats {
			r.nextBeats[i] = at.Add(b.every)
		}
	}
	e.Ready()
}

func (c *Conversation) failSession(e Events, why Fault, detail []byte) {
	s := c.currentStep()
	c.state = over
	e.SessionFailed(s.path, why, detail)
}

// elapse does what time alone brings about.
func (c *Conversation) elapse(e Events, at clock.Time) {
	if c.state == inSession && c.stepDeadline <= at {
		s := c.currentStep()
		within := float64(s.within) / float64(time.Millisecond)
		c.failSession(e, TimeoutFault, fmt.Appendf(nil, "no %s came within %v ms", s.awaited, within))
	}
	if c.ledger == nil {
		return
	}
	for c.ledger.nearest != 0 && c.ledger.nearest <= at {
		probe := c.ledger.nextToExpire()
		c.ledger.settle(probe, probeTimedOut)
		c.endReplies(e, TimedOut, probe)
	}
}

func (c *Conversation) endReplies(e Events, o Outcome, probe *Probe) {
	for i := range c.in.protocol.replies {
		if probe.answered&(1<<i) == 0 {
			c.in.reply = Reply{Outcome: o, Index: i, ID: probe.ID, Due: probe.Due, Sent: probe.Sent}
			e.Replied(&c.in.reply)
		}
	}
}

// locals are the values that only one message has.
type locals struct {
	id, payload []byte
	idKind      valueKind
	seq         int64
	captured    []Value
}

// expand is the message, with every variable in its place. It is good until
// the next.
func (c *Conversation) expand(t *template, at clock.Time, l *locals) []byte {
	in := c.in
	out := in.out[:0]
	for i := range t.parts {
		part := &t.parts[i]
		if part.name == "" {
			out = append(out, part.literal...)
			continue
		}
		switch part.slot {
		case idSlot:
			out = part.fill(out, l.id, l.idKind)
		case payloadSlot:
			out = part.fill(out, l.payload, textValue)
		case seqSlot:
			out = part.fill(out, strconv.AppendInt(in.number[:0], l.seq, 10), bareValue)
		case nowSlot:
			ms := floorDiv(in.unix(at), int64(time.Millisecond))
			out = part.fill(out, strconv.AppendInt(in.number[:0], ms, 10), bareValue)
		case lastSeqSlot:
			out = part.fill(out, c.last.appendText(in.number[:0]), c.last.kind)
		default:
			v := Value{}
			if part.slot < len(c.values) {
				v = c.values[part.slot]
			} else if l != nil {
				v = l.captured[part.slot-len(c.values)]
			}
			out = part.fill(out, unsafe.Slice(unsafe.StringData(v.Text), len(v.Text)), v.kind)
		}
	}
	in.out = out
	return out
}

func floorDiv(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}

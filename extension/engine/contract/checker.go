package contract

import (
	"bytes"
	"encoding/json"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/protocol/jsontext"
)

// Checker checks the messages of one loop's connections. It is used on that
// loop's goroutine.
type Checker struct {
	contract   *Contract
	acceptor   acceptor
	finder     finder
	candidates []int
	record     *Record
	slow       budget

	// Examples keeps valid messages, nil for none.
	Examples *Examples

	// Sent checks what this side sends, nil where nobody does. What it finds is not
	// the server's doing, so it has a record and a bound of its own.
	Sent *Checker
}

// NewChecker makes a Checker that notes what it finds in a Record.
func (c *Contract) NewChecker(r *Record) *Checker {
	return &Checker{contract: c, record: r}
}

// Check checks a message. The role is the one that a descriptor takes it for, empty for none;
// sender is who sent it. The text is JSON only if isText: bytes are not. It tells the kind of a
// valid message, NoKind for another.
func (k *Checker) Check(s *Session, text []byte, isText bool, role string, sender Sender) (kind int) {
	if kind = k.judged(s, text, isText, role, sender); kind != NoKind {
		k.Examples.keep(kind, text, role, sender)
	}
	return kind
}

func (k *Checker) judged(s *Session, text []byte, isText bool, role string, sender Sender) (kind int) {
	if !isText {
		k.notJSON("bytes", role, sender)
		return NoKind
	}
	if kind = k.accepted(text, role, sender); kind >= 0 {
		if k.take(s, kind, sender) {
			return kind
		}
		return NoKind
	}
	if !k.slow.take(len(text)) {
		k.leave(s)
		return NoKind
	}
	if message, ok := k.decode(text, role, sender); ok {
		if kind, isValid := k.ask(s, message, role, sender); isValid {
			return kind
		}
	}
	return NoKind
}

// accepted is the kind of a message that its acceptor takes, -1 where the
// validator is to be asked.
func (k *Checker) accepted(text []byte, role string, sender Sender) (kind int) {
	c := k.contract
	if len(c.Kinds) > 1 && !k.finder.find(&c.marks, text) {
		return -1
	}
	var certain bool
	k.candidates, certain = c.marks.candidates(k.candidates, &k.finder, role, sender)
	k.acceptor.seen = k.record.Seen
	for _, kind := range k.candidates {
		switch k.acceptor.accept(c.accept[kind], text) {
		case valid:
			return kind
		case unsure:
			return -1
		}
		if certain {
			break
		}
	}
	return -1
}

// ask has the validator judge a message: of the kind that its marks tell, or of
// the first whose schema takes it. It reports whether the message is valid.
func (k *Checker) ask(s *Session, message any, role string, sender Sender) (kind int, isValid bool) {
	c := k.contract
	k.finder.findIn(&c.marks, message)
	var certain bool
	k.candidates, certain = c.marks.candidates(k.candidates, &k.finder, role, sender)
	if !certain {
		for _, kind := range k.candidates {
			if c.schemas[kind].Validate(message) == nil {
				k.acceptor.cover(c.schemas[kind], c, message)
				return kind, k.take(s, kind, sender)
			}
		}
		if len(k.candidates) == 0 || !c.marks.isMarked(k.candidates[0]) {
			k.count(c.Unknown())
			k.breach(c.Unknown(), UnknownKind, "a message that a schema describes", c.marks.describe(message))
			if s != nil {
				s.begun |= sender.side()
			}
			return c.Unknown(), false
		}
	}
	kind = k.candidates[0]
	fits := k.judge(kind, message)
	return kind, k.take(s, kind, sender) && fits
}

// leave counts a message that is not checked. What must come
// before what is not known any more.
func (k *Checker) leave(s *Session) {
	k.record.Unchecked++
	if s != nil {
		s.isLost = true
	}
}

// decode makes values of a text for the validator.
func (k *Checker) decode(text []byte, role string, sender Sender) (message any, ok bool) {
	if nestsTooDeep(text) {
		k.count(k.contract.Unknown())
		k.breach(k.contract.Unknown(), TooDeep, "a message of at most 1000 levels", "a deeper one")
		return nil, false
	}
	if err := json.Unmarshal(text, &message); err == nil {
		return message, true
	}
	if !jsontext.Valid(text) {
		k.notJSON(string(text[:min(len(text), 8*longest)]), role, sender)
		return nil, false
	}
	numbers := json.NewDecoder(bytes.NewReader(text)) // some of them are out of a float64's range
	numbers.UseNumber()
	return message, numbers.Decode(&message) == nil
}

// judge asks the validator, and reports whether the message fits the schema.
func (k *Checker) judge(kind int, message any) (fits bool) {
	c := k.contract
	k.acceptor.cover(c.schemas[kind], c, message)
	told := map[Rule]bool{}
	breaches := c.breaches(kind, message)
	for _, b := range breaches {
		if !told[b.Rule] {
			told[b.Rule] = true
			k.record.count(kind, b.Rule)
		}
		k.record.find(kind, &b)
	}
	return len(breaches) == 0
}

// take counts a message of a kind, and reports whether its sender and its time are right.
func (k *Checker) take(s *Session, kind int, sender Sender) (isRight bool) {
	c := k.contract
	k.count(kind)
	from := c.Kinds[kind].From
	isRight = from == Both || from == sender
	if !isRight {
		k.breach(kind, WrongSender, "one that the "+string(from)+" sends", "one from the "+string(sender))
	}
	if c.ordered == nil || s == nil || s.isLost {
		return isRight
	}
	if expected, found := c.ordered[kind].take(s, sender.side()); expected != "" {
		k.breach(kind, WrongTime, expected, found)
		return false
	}
	return isRight
}

// notJSON handles a text that is not JSON. One that a descriptor knows, or sends, needs no schema: a
// schema could not describe it.
func (k *Checker) notJSON(text, role string, sender Sender) {
	if role != "" || sender == Client {
		return
	}
	k.count(k.contract.Unknown())
	k.breach(k.contract.Unknown(), NotJSON, "JSON", textOf(text))
}

func (k *Checker) count(kind int) { k.record.Messages[kind]++ }

func (k *Checker) breach(kind int, rule Rule, expected, found string) {
	k.record.count(kind, rule)
	k.record.find(kind, &Breach{Rule: rule, Expected: expected, Found: found})
}

// nestsTooDeep tells whether objects and lists nest deeper than is taken.
func nestsTooDeep(text []byte) bool {
	if bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}) <= jsontext.MaxDepth {
		return false
	}
	depth, most := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			end, _ := jsontext.StringEnd(text, i)
			if end < 0 {
				return false
			}
			i = end - 1
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		}
	}
	return most > jsontext.MaxDepth
}

// budget bounds how much of a loop's messages the validator is asked about, which
// takes tens of microseconds for each. It counts, for a clock would count what
// other programs of the machine took: a message costs one, and one more for each
// KiB. What was not used is kept for a while, for messages come in bursts. What
// is left out is counted.
type budget struct {
	used  float64
	since clock.Time
}

const (
	budgetPerSecond = 2_500 // about a tenth of a processor's time
	budgetBurst     = 25_000
)

// take takes what a message of that size costs, if that is left.
func (b *budget) take(size int) bool {
	now := clock.Now()
	b.used = max(0, b.used-now.Sub(b.since).Seconds()*budgetPerSecond)
	b.since = now
	if b.used >= budgetBurst {
		return false
	}
	b.used += 1 + float64(size)/1024
	return true
}

package protocol

import (
	"math"
	"regexp"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"xk6-realtime/engine/protocol/jsontext"
)

// condition is what a message must look like, parsed once.
type condition struct {
	text   *string
	regex  *regexp.Regexp
	groups []string
	where  []wanted
}

// wanted is what must stand in a slot.
type wanted struct {
	slot   int
	kind   byte // as in a span, present: anything, or filled: a text; 0 for nothing
	text   string
	number float64
	digits string // the number as JSON has it most likely
	filled []part // a text with the connection's variables in it
}

func (c *condition) always() bool { return c.text == nil && c.regex == nil && c.where == nil }

// locator is where a field is: in a slot of the JSON, or in a group of the
// regex. The zero locator is nowhere.
type locator struct {
	slot  int // plus one
	group int // plus one
}

func (l locator) given() bool { return l.slot != 0 || l.group != 0 }

// reader reads one message at a time. What it hands out is good until the
// next. A condition that matches says which part the fields are then taken
// from: JSON is read when something first asks for it, and once.
type reader struct {
	scanner
	root     *node
	unfolder *unfolder // nil where no string is to hold JSON

	text   []byte
	sent   []byte // the message as it was sent, where a codec made the text of it
	isText bool
	groups []int  // byte offsets, as regexp has them; of the last condition
	whole  []byte // what they are offsets into: of an element, the message
	from   int    // where the JSON begins: after the regex's match

	scanned int    // the from of what was scanned, -1 for nothing
	body    []byte // what was scanned
	isJSON  bool
	lacked  bool // something asked for JSON where there was none
	// recognised: a text or regex has recognised the message, even if the rest of it was not as
	// expected.
	recognised bool
	unquoted   []byte
	// values are those of the connection's variables; nil where there is no
	// connection, and any text may stand for one.
	values []Value
}

func (r *reader) load(message []byte, binary bool) {
	r.text, r.sent, r.whole = message, message, message
	r.isText = !binary || utf8.Valid(message)
	r.groups = nil
	r.from = 0
	r.scanned = -1
	r.lacked = false
	r.recognised = false
	r.unquoted = r.unquoted[:0]
}

// loadMessage loads a message of the protocol: strings that hold JSON are JSON.
func (r *reader) loadMessage(message []byte, binary bool) {
	r.load(message, binary)
	if r.unfolder != nil && r.isText {
		r.text = r.unfolder.unfold(message)
		r.whole = r.text
	}
}

func (r *reader) matches(c *condition) bool {
	r.groups = nil
	r.from = 0
	if c.always() {
		return true
	}
	if !r.isText {
		r.lacked = r.lacked || len(c.where) > 0
		return false
	}
	if c.text != nil && string(r.text) != *c.text {
		return false
	}
	if c.regex != nil {
		if !c.regex.Match(r.text) { // which allocates nothing, unlike what follows
			return false
		}
		r.groups = c.regex.FindSubmatchIndex(r.text)
		r.from = r.groups[1]
	}
	if !r.fits(c.where) {
		return false
	}
	r.recognised = r.recognised || c.text != nil || c.regex != nil
	return true
}

// fits tells whether the JSON is as wanted.
func (r *reader) fits(where []wanted) bool {
	for i := range where {
		if !r.json() || !r.holds(&where[i]) {
			return false
		}
	}
	return true
}

// list is the JSON from the first element of a list on; nil where there is no
// list.
func (r *reader) list(each locator) []byte {
	if !r.isText {
		r.lacked = true
		return nil
	}
	s := r.found(each)
	if s.kind != '[' {
		return nil
	}
	return r.body[jsontext.Space(r.body, s.start+1):]
}

// loadElement loads an element of a message's list. The groups of the message's
// regex are the element's too.
func (r *reader) loadElement(json []byte, root *node, message *reader) {
	r.load(json, false)
	r.root = root
	r.groups, r.whole, r.values = message.groups, message.whole, message.values
}

// lackedJSON tells whether the message should have been JSON, as far as one
// can tell.
func (r *reader) lackedJSON() bool { return r.lacked && !r.recognised }

// json reads what follows the match as JSON, if it is.
func (r *reader) json() bool {
	if r.scanned != r.from {
		r.scanned = r.from
		r.body = withoutFrameEnd(r.text[r.from:])
		r.isJSON = r.scan(r.body, r.root)
	}
	r.lacked = r.lacked || !r.isJSON
	return r.isJSON
}

// withoutFrameEnd takes off what STOMP ends a frame with: a NUL, and any line
// ends after it, which RabbitMQ sends.
func withoutFrameEnd(text []byte) []byte {
	n := len(text)
	for n > 0 && (text[n-1] == '\n' || text[n-1] == '\r') {
		n--
	}
	if n > 0 && text[n-1] == 0 {
		return text[:n-1]
	}
	return text
}

// present is the kind of a wanted value that may be any.
const present = '*'

// filled is the kind of a wanted value that is a text with variables in it.
const filled = '$'

func (r *reader) holds(w *wanted) bool {
	s := r.spans[w.slot]
	switch w.kind {
	case present:
		return s.kind != 0
	case filled:
		return r.isFilled(s, w.filled)
	}
	if s.kind != w.kind {
		return false
	}
	switch w.kind {
	case '"':
		return string(r.unquote(s)) == w.text
	case '0':
		digits := r.body[s.start:s.end]
		return string(digits) == w.digits || parseNumber(digits) == w.number
	}
	return true // true, false, null, nothing
}

// isFilled tells whether a text, or the digits of a number, is what the parts make
// of the connection's variables.
func (r *reader) isFilled(s span, parts []part) bool {
	var text []byte
	switch s.kind {
	case '"':
		text = r.unquote(s)
	case '0':
		text = r.body[s.start:s.end]
	default:
		return false
	}
	if r.values == nil {
		return true
	}
	for i := range parts {
		next := parts[i].literal
		if parts[i].name != "" {
			v := &r.values[parts[i].slot]
			if v.kind == noValue {
				return false
			}
			next = v.Text
		}
		if len(text) < len(next) || string(text[:len(next)]) != next {
			return false
		}
		text = text[len(next):]
	}
	return len(text) == 0
}

// unquote is what a JSON string says.
func (r *reader) unquote(s span) []byte {
	inside := r.body[s.start+1 : s.end-1]
	if !s.escaped {
		return inside
	}
	start := len(r.unquoted)
	r.unquoted = jsontext.Unescape(r.unquoted, inside)
	return r.unquoted[start:]
}

// found is the span of a pointer's value; its kind is 0 where there is none.
func (r *reader) found(l locator) span {
	if l.slot == 0 || !r.json() {
		return span{}
	}
	return r.spans[l.slot-1]
}

func (r *reader) group(l locator) (text []byte, ok bool) {
	i := 2 * l.group // the whole match is the first pair
	if i+1 >= len(r.groups) || r.groups[i] < 0 {
		return nil, false
	}
	return r.whole[r.groups[i]:r.groups[i+1]], true
}

// value is a string, number or boolean as a variable's value: a text by its
// characters, a number by its digits.
func (r *reader) value(l locator) (text []byte, kind valueKind) {
	if l.group != 0 {
		if text, ok := r.group(l); ok {
			return text, textValue
		}
		return nil, noValue
	}
	switch s := r.found(l); s.kind {
	case '"':
		return r.unquote(s), textValue
	case '0', 't', 'f':
		return r.body[s.start:s.end], bareValue
	}
	return nil, noValue
}

// textAt is a string or the digits of a number.
func (r *reader) textAt(l locator) (text []byte, ok bool) {
	if l.group != 0 {
		return r.group(l)
	}
	switch s := r.found(l); s.kind {
	case '"':
		return r.unquote(s), true
	case '0':
		return r.body[s.start:s.end], true
	}
	return nil, false
}

// number is a number, or a text that is one as JSON writes it.
func (r *reader) number(l locator) (n float64, ok bool) {
	text, kind := r.value(l)
	if len(text) == 0 || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return 0, false
	}
	if kind == textValue && jsontext.NumberEnd(text, 0) != len(text) {
		return 0, false
	}
	n = parseNumber(text)
	return n, !math.IsInf(n, 0)
}

// has tells whether there is anything but null.
func (r *reader) has(l locator) bool {
	if l.group != 0 {
		_, ok := r.group(l)
		return ok
	}
	s := r.found(l)
	return s.kind != 0 && s.kind != 'n'
}

// Sequence is a number that counts something. It is kept as a whole number
// where it is one that JavaScript holds exactly, however it was written, and
// otherwise as its text.
type Sequence struct {
	Number int64
	Text   []byte // of one that is not kept as Number
	kind   valueKind
	whole  bool
}

// Given tells whether there is one.
func (s Sequence) Given() bool { return s.kind != noValue }

// Whole tells whether it is kept as Number.
func (s Sequence) Whole() bool { return s.whole }

const maxSafe = 1<<53 - 1

// sequence reads a sequence.
func (r *reader) sequence(l locator) Sequence {
	text, kind := r.value(l)
	isBoolean := kind == bareValue && (text[0] == 't' || text[0] == 'f')
	if kind == noValue || isBoolean {
		return Sequence{}
	}
	s := Sequence{Text: text, kind: kind}
	if n, ok := wholeNumber(text); ok {
		s.Number, s.whole = n, true
		return s
	}
	if kind == bareValue {
		if n := parseNumber(text); n == math.Trunc(n) && math.Abs(n) <= maxSafe {
			s.Number, s.whole = int64(n), true
		}
	}
	return s
}

// wholeNumber reads a whole number that JavaScript holds exactly, as JSON
// writes one.
func wholeNumber(b []byte) (n int64, ok bool) {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	if len(b) == i || len(b) > i+16 || b[i] == '0' && len(b) > i+1 {
		return 0, false
	}
	for _, c := range b[i:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if n > maxSafe || n == 0 && i == 1 { // -0 would lose its sign
		return 0, false
	}
	if i == 1 {
		n = -n
	}
	return n, true
}

// parseNumber reads what numberEnd has accepted. If a float64 holds both the whole number and the
// power of ten exactly, their quotient is rounded once, as ParseFloat rounds. See Clinger, "How
// to read floating point numbers accurately", 1990. Nearly every timestamp is such a number.
func parseNumber(digits []byte) float64 {
	const mostDigits = 18 // which an int64 holds
	var n int64
	places, point := 0, false
	for i, c := range digits {
		switch {
		case c == '.':
			point = true
		case c == '-' && i == 0:
		case c < '0' || c > '9' || i >= mostDigits:
			return parseAnyNumber(digits)
		default:
			n = n*10 + int64(c-'0')
			if point {
				places++
			}
		}
	}
	if n > maxSafe {
		return parseAnyNumber(digits)
	}
	if digits[0] == '-' {
		n = -n
	}
	return float64(n) / math.Pow10(places)
}

func parseAnyNumber(digits []byte) float64 {
	n, _ := strconv.ParseFloat(unsafe.String(unsafe.SliceData(digits), len(digits)), 64)
	return n
}

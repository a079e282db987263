package contract

import (
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"xk6-realtime/engine/protocol/jsontext"
)

func itoa(i int) string { return strconv.Itoa(i) }

// answer is what an acceptor says of a value.
type answer uint8

const (
	unsure answer = iota // ask the validator
	valid
	invalid
)

// acceptor reads values where they lie. What it uses is its own: one for each
// loop.
type acceptor struct {
	text  []byte
	seen  []bool // items of the coverage
	plain []byte // a string without its escapes
	work  int    // values that may still be looked at
}

// workPerByte bounds how often schemas that apply others to the same value make
// the acceptor look at it again.
const workPerByte = 4

// accept tells whether all of a text is one value that a schema takes.
func (a *acceptor) accept(n *node, text []byte) answer {
	if !n.exact {
		return unsure
	}
	a.text, a.work = text, 64+workPerByte*len(text)
	end, said := a.value(n, jsontext.Space(text, 0), 1)
	if end < 0 || jsontext.Space(text, end) != len(text) {
		return unsure
	}
	return said
}

// value looks at the value that begins at i, and says where it ends, -1 for
// nowhere.
func (a *acceptor) value(n *node, i, depth int) (end int, said answer) {
	if n == nil || n.always {
		return jsontext.Skip(a.text, i, depth), valid
	}
	if a.work--; a.work < 0 || i >= len(a.text) {
		return -1, unsure
	}
	if n.bare {
		// What the first of them finds is where the value ends.
		if end, said = a.value(n.all[0], i, depth); end < 0 || said == unsure {
			return end, unsure
		}
		if !n.combines {
			return end, said
		}
		return end, worse(said, a.combined(n, n.all[1:], i, depth))
	}
	switch c := a.text[i]; {
	case n.never:
		return jsontext.Skip(a.text, i, depth), invalid
	case c == '{':
		end, said = a.object(n, i, depth)
	case c == '[':
		end, said = a.list(n, i, depth)
	case c == '"':
		end, said = a.string(n, i)
	case c == '-' || c >= '0' && c <= '9':
		end, said = a.number(n, i)
	default:
		end, said = a.literal(n, i)
	}
	if end < 0 || said == unsure {
		return end, unsure
	}
	if !n.combines {
		return end, said
	}
	return end, worse(said, a.combined(n, n.all, i, depth))
}

// worse is invalid where either is, unless one is unsure.
func worse(a, b answer) answer {
	switch {
	case a == unsure || b == unsure:
		return unsure
	case a == invalid || b == invalid:
		return invalid
	}
	return valid
}

// combined applies the schemas that hold for the same value.
func (a *acceptor) combined(n *node, all []*node, i, depth int) answer {
	said := valid
	for _, one := range all {
		_, next := a.value(one, i, depth)
		said = worse(said, next)
	}
	if len(n.any) > 0 {
		some := invalid
		for _, one := range n.any {
			switch _, next := a.value(one, i, depth); {
			case next == unsure:
				return unsure
			case next == valid:
				some = valid
			}
		}
		said = worse(said, some)
	}
	if len(n.one) > 0 {
		count := 0
		for _, one := range n.one {
			switch _, next := a.value(one, i, depth); {
			case next == unsure:
				return unsure
			case next == valid:
				count++
			}
		}
		if count != 1 {
			said = worse(said, invalid)
		}
	}
	if n.not != nil {
		said = worse(said, opposite(a.aside(n.not, i, depth)))
	}
	if n.when != nil {
		branch := n.orer
		switch _, next := a.value(n.when, i, depth); next {
		case unsure:
			return unsure
		case valid:
			branch = n.then
		}
		if branch != nil {
			_, next := a.value(branch, i, depth)
			said = worse(said, next)
		}
	}
	return said
}

// aside looks at a value without taking note of what was seen.
func (a *acceptor) aside(n *node, i, depth int) answer {
	seen := a.seen
	a.seen = nil
	_, said := a.value(n, i, depth)
	a.seen = seen
	return said
}

func opposite(said answer) answer {
	switch said {
	case valid:
		return invalid
	case invalid:
		return valid
	}
	return unsure
}

func (a *acceptor) note(item int) {
	if item >= 0 && a.seen != nil {
		a.seen[item] = true
	}
}

func (n *node) takes(t types) answer {
	if n.types == 0 || n.types&t != 0 {
		return valid
	}
	return invalid
}

func (a *acceptor) object(n *node, i, depth int) (int, answer) {
	if depth > jsontext.MaxDepth {
		return -1, unsure
	}
	said := n.takes(isObject)
	if n.scalars != nil {
		said = invalid
	}
	var had [4]uint64
	i = jsontext.Space(a.text, i+1)
	for isEmpty := true; ; isEmpty = false {
		if i >= len(a.text) {
			return -1, unsure
		}
		if a.text[i] == '}' && isEmpty {
			break
		}
		name, at := a.name(i)
		if at < 0 {
			return -1, unsure
		}
		var next answer
		if m, ok := n.byName.find(unsafe.String(unsafe.SliceData(name), len(name))); ok {
			if had[m.index/64]&(1<<(m.index%64)) != 0 {
				return -1, unsure // which of the two counts, the validator's reader decides
			}
			had[m.index/64] |= 1 << (m.index % 64)
			a.note(m.item)
			i, next = a.value(m.node, at, depth+1)
		} else if n.closed {
			i, next = jsontext.Skip(a.text, at, depth+1), invalid
		} else {
			i, next = a.value(n.rest, at, depth+1)
		}
		if i < 0 || next == unsure {
			return -1, unsure
		}
		said = worse(said, next)
		if i = jsontext.Space(a.text, i); i >= len(a.text) {
			return -1, unsure
		}
		if a.text[i] == '}' {
			break
		}
		if a.text[i] != ',' {
			return -1, unsure
		}
		i = jsontext.Space(a.text, i+1)
	}
	for _, index := range n.required {
		if had[index/64]&(1<<(index%64)) == 0 {
			said = worse(said, invalid)
		}
	}
	return i + 1, said
}

// name reads the name of a member, and says where its value begins, -1 for
// nowhere.
func (a *acceptor) name(i int) (name []byte, at int) {
	if a.text[i] != '"' {
		return nil, -1
	}
	end, escaped := jsontext.StringEnd(a.text, i)
	if end < 0 {
		return nil, -1
	}
	name = a.text[i+1 : end-1]
	if escaped {
		a.plain = jsontext.Unescape(a.plain[:0], name)
		name = a.plain
	}
	if i = jsontext.Space(a.text, end); i >= len(a.text) || a.text[i] != ':' {
		return nil, -1
	}
	return name, jsontext.Space(a.text, i+1)
}

func (a *acceptor) list(n *node, i, depth int) (int, answer) {
	if depth > jsontext.MaxDepth {
		return -1, unsure
	}
	said := n.takes(isArray)
	if n.scalars != nil {
		said = invalid
	}
	size := 0
	for i = jsontext.Space(a.text, i+1); ; {
		if i >= len(a.text) {
			return -1, unsure
		}
		if a.text[i] == ']' && size == 0 {
			break
		}
		of := n.items
		if size < len(n.prefix) {
			of = n.prefix[size]
		}
		var next answer
		if i, next = a.value(of, i, depth+1); i < 0 || next == unsure {
			return -1, unsure
		}
		said = worse(said, next)
		size++
		if i = jsontext.Space(a.text, i); i >= len(a.text) {
			return -1, unsure
		}
		if a.text[i] == ']' {
			break
		}
		if a.text[i] != ',' {
			return -1, unsure
		}
		i = jsontext.Space(a.text, i+1)
	}
	if size < n.leastSize || size > n.mostSize {
		said = worse(said, invalid)
	}
	return i + 1, said
}

func (a *acceptor) string(n *node, i int) (int, answer) {
	end, escaped := jsontext.StringEnd(a.text, i)
	if end < 0 {
		return -1, unsure
	}
	said := n.takes(isString)
	if said == invalid || n.scalars == nil && n.leastLength == 0 && n.mostLength == math.MaxInt && n.pattern == nil && n.format == nil {
		return end, said
	}
	text := a.text[i+1 : end-1]
	if escaped {
		a.plain = jsontext.Unescape(a.plain[:0], text)
		text = a.plain
	}
	if n.scalars != nil {
		item, ok := n.scalars.byText.find(unsafe.String(unsafe.SliceData(text), len(text)))
		if !ok {
			return end, invalid
		}
		a.note(item)
	}
	if n.leastLength > 0 || n.mostLength < math.MaxInt {
		// Characters are at most as many as bytes, and at least a quarter of them.
		if len(text) > n.mostLength || (len(text)+3)/4 < n.leastLength {
			if count := utf8.RuneCount(text); count < n.leastLength || count > n.mostLength {
				return end, invalid
			}
		}
	}
	if n.pattern != nil && !n.pattern.MatchString(unsafe.String(unsafe.SliceData(text), len(text))) {
		return end, invalid
	}
	if n.format != nil && !(n.format.Name == "date-time" && isPlainDateTime(text)) && n.format.Validate(string(text)) != nil {
		return end, invalid
	}
	return end, said
}

// number reads a number that a float64 keeps apart from all others of as many
// digits; of others it is unsure.
func (a *acceptor) number(n *node, i int) (int, answer) {
	end := jsontext.NumberEnd(a.text, i)
	if end < 0 {
		return -1, unsure
	}
	isAny := n.types == 0 || n.types&isNumber != 0
	if isAny && n.scalars == nil && !n.least.given && !n.most.given && n.multiple == 0 {
		return end, valid
	}
	value, whole, ok := plainNumber(a.text[i:end])
	if !ok {
		return end, unsure
	}
	t := isNumber
	if whole {
		t |= isInteger
	}
	said := n.takes(t)
	if n.scalars != nil {
		item, known := n.scalars.numbers[value]
		if !known {
			return end, invalid
		}
		a.note(item)
	}
	if b := n.least; b.given && (value < b.value || b.exclusive && value == b.value) {
		said = invalid
	}
	if b := n.most; b.given && (value > b.value || b.exclusive && value == b.value) {
		said = invalid
	}
	if n.multiple != 0 && (!whole || int64(value)%n.multiple != 0) {
		said = invalid
	}
	return end, said
}

// plainNumber reads a number without exponent of at most so many digits that
// none are lost.
func plainNumber(digits []byte) (value float64, whole, ok bool) {
	var n int64
	places, count := 0, 0
	point, negative := false, false
	for _, c := range digits {
		switch {
		case c == '-':
			negative = true
		case c == '.':
			point = true
		case c < '0' || c > '9' || count == exactDigits:
			return 0, false, false
		default:
			n = n*10 + int64(c-'0')
			count++
			if point {
				places++
			}
		}
	}
	if negative {
		n = -n
	}
	if places == 0 {
		return float64(n), true, true
	}
	value = float64(n) / math.Pow10(places)
	return value, value == math.Trunc(value), true
}

func (a *acceptor) literal(n *node, i int) (int, answer) {
	end := jsontext.LiteralEnd(a.text, i)
	if end < 0 {
		return -1, unsure
	}
	t, which := isBoolean, 1
	switch a.text[i] {
	case 'n':
		t, which = isNull, 0
	case 'f':
		which = 2
	}
	said := n.takes(t)
	if s := n.scalars; s != nil {
		if !s.has[which] {
			return end, invalid
		}
		a.note([...]int{s.null, s.isTrue, s.isFlse}[which])
	}
	return end, said
}

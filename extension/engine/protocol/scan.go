package protocol

import "xk6-realtime/engine/protocol/jsontext"

// A node is a place in a JSON document that some pointer of a descriptor leads
// to or through.
type node struct {
	token    string // the reference token (RFC 6901) that leads here
	index    int    // token as an array's index, -1 where it is none
	slot     int    // where a Scanner notes what stands here, -1 for nothing
	children []*node
	slots    []int // of this node and all below
}

// span is where a value stands in a document.
type span struct {
	kind       byte // the first byte of the value; '0' for a number; 0 for none
	escaped    bool // of a string: it has escapes
	start, end int  // of a scalar, a string's quotes included
}

// maxDepth bounds the nesting of a document that is read as JSON.
const maxDepth = 10_000

// scanner checks a document against the grammar of JSON (RFC 8259), in one pass and without
// building anything. It notes the places of the values that a tree of nodes asks for.
type scanner struct {
	spans []span // by slot
	stack []level
	key   []byte
}

// level is an object or array around the present place.
type level struct {
	node   *node // nil where no pointer leads
	index  int   // of the array's element; -1 in an object
	object bool
}

// scan tells whether b is JSON. Of repeated names the last one counts.
func (s *scanner) scan(b []byte, root *node) bool {
	clear(s.spans)
	s.stack = s.stack[:0]
	i := jsontext.Space(b, 0)
	at := root // the node of the value that comes next
	for {
		// One value begins at i.
		if i >= len(b) {
			return false
		}
		start := i
		kind := b[i]
		switch {
		case kind == '{' || kind == '[':
			s.note(at, span{kind: kind, start: start, end: start})
			if len(s.stack) == maxDepth {
				return false
			}
			i = jsontext.Space(b, i+1)
			if i < len(b) && b[i] == kind+2 { // '}' is '{'+2, and ']' is '['+2
				i++
				break
			}
			s.stack = append(s.stack, level{node: at, object: kind == '{', index: -1})
			if i, at = s.enter(b, i); i < 0 {
				return false
			}
			continue
		case kind == '"':
			var escaped bool
			if i, escaped = jsontext.StringEnd(b, i); i < 0 {
				return false
			}
			s.note(at, span{kind, escaped, start, i})
		case kind == '-' || kind >= '0' && kind <= '9':
			if i = jsontext.NumberEnd(b, i); i < 0 {
				return false
			}
			s.note(at, span{kind: '0', start: start, end: i})
		default:
			if i = jsontext.LiteralEnd(b, i); i < 0 {
				return false
			}
			s.note(at, span{kind: kind, start: start, end: i})
		}
		// The value ended before i: on to the next one, or out.
		for {
			i = jsontext.Space(b, i)
			if len(s.stack) == 0 {
				return i == len(b)
			}
			top := &s.stack[len(s.stack)-1]
			if i >= len(b) {
				return false
			}
			if b[i] == ',' {
				i = jsontext.Space(b, i+1)
				break
			}
			if top.object && b[i] != '}' || !top.object && b[i] != ']' {
				return false
			}
			i++
			s.stack = s.stack[:len(s.stack)-1]
		}
		if i, at = s.enter(b, i); i < 0 {
			return false
		}
	}
}

// enter goes to the next value of the innermost object or array: past its name,
// to its node. It returns -1 for what is not JSON.
func (s *scanner) enter(b []byte, i int) (int, *node) {
	top := &s.stack[len(s.stack)-1]
	if !top.object {
		top.index++
		if top.node != nil {
			for _, child := range top.node.children {
				if child.index == top.index {
					return i, child
				}
			}
		}
		return i, nil
	}
	if i >= len(b) || b[i] != '"' {
		return -1, nil
	}
	end, escaped := jsontext.StringEnd(b, i)
	if end < 0 {
		return -1, nil
	}
	var child *node
	if top.node != nil {
		child = s.member(top.node, b[i+1:end-1], escaped)
	}
	i = jsontext.Space(b, end)
	if i >= len(b) || b[i] != ':' {
		return -1, nil
	}
	return jsontext.Space(b, i+1), child
}

func (s *scanner) member(n *node, name []byte, escaped bool) *node {
	if escaped {
		s.key = jsontext.Unescape(s.key[:0], name)
		name = s.key
	}
	for _, child := range n.children {
		if child.token == string(name) {
			for _, slot := range child.slots {
				s.spans[slot] = span{} // of an earlier member of that name
			}
			return child
		}
	}
	return nil
}

func (s *scanner) note(n *node, v span) {
	if n != nil && n.slot >= 0 {
		s.spans[n.slot] = v
	}
}

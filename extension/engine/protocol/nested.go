package protocol

import "xk6-realtime/engine/protocol/jsontext"

// unfolder puts JSON in the place of strings of JSON that hold it. It is
// lib/protocols/nested.ts in Go: one table of fixtures holds both.
type unfolder struct {
	trees   []tree // one for each pointer, with one slot
	scanner scanner
	inside  scanner // of what a string holds
	text    []byte  // of the string
	out     [2][]byte
}

// unfold returns the message with what the strings hold in their place; message
// itself where none of them holds an object or a list. It is good until the next.
func (u *unfolder) unfold(message []byte) []byte {
	for i := range u.trees {
		if !u.scanner.scan(message, &u.trees[i].root) {
			return message
		}
		s := u.scanner.spans[0]
		if s.kind != '"' {
			continue
		}
		u.text = jsontext.Unescape(u.text[:0], message[s.start+1:s.end-1])
		if begin := jsontext.Space(u.text, 0); begin == len(u.text) || u.text[begin] != '{' && u.text[begin] != '[' {
			continue
		}
		if !u.inside.scan(u.text, nil) {
			continue
		}
		out := append(u.out[i%2][:0], message[:s.start]...)
		out = append(append(out, u.text...), message[s.end:]...)
		u.out[i%2], message = out, out
	}
	return message
}

// nested compiles the pointers to strings of JSON.
func (c *compiler) nested(pointers []string) (trees []tree) {
	message := c.tree
	defer func() { c.tree = message }()
	for _, pointer := range pointers {
		t := newTree()
		c.tree = &t
		c.slot("nested", pointer)
		collect(&t.root)
		trees = append(trees, t)
	}
	return trees
}

package frame

import "unicode/utf8"

// ValidText tells whether b can be the payload of a text message.
func ValidText(b []byte) bool { return utf8.Valid(b) }

func valid(b []byte) bool { return ValidText(b) }

// text checks UTF-8 that comes in pieces, and refuses it at the first byte
// that cannot belong to any (section 8.1), not only at the end of a message.
type text struct {
	tail [utf8.UTFMax]byte // the start of a rune that b ended in
	n    int
}

// add checks the next piece.
func (t *text) add(b []byte) bool {
	for t.n > 0 && len(b) > 0 {
		t.tail[t.n] = b[0]
		t.n++
		b = b[1:]
		if utf8.FullRune(t.tail[:t.n]) {
			if !utf8.Valid(t.tail[:t.n]) {
				return false
			}
			t.n = 0
		}
	}
	whole := len(b)
	// A rune cut off by the end of b begins in its last three bytes.
	for i := len(b) - 1; i >= 0 && i >= len(b)-(utf8.UTFMax-1); i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				whole = i
				t.n = copy(t.tail[:], b[i:])
			}
			break
		}
	}
	return utf8.Valid(b[:whole])
}

// done tells whether the text ended at the end of a rune.
func (t *text) done() bool { return t.n == 0 }

package eventstream

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"xk6-realtime/engine/protocol/jsontext"
)

// appendJSON appends an event as descriptors see it: an object of its type as
// event, its data as data and, where its block has one, its id. Data that are
// JSON stay as they are; others are a text. isUTF8 tells whether all of them were.
func appendJSON(dst []byte, e *Event) (_ []byte, isUTF8 bool) {
	// A browser decodes the stream before it looks at what is in it.
	kind, ok1 := decode(e.Type)
	id, ok2 := decode(e.ID)
	data, ok3 := decode(e.Data)
	dst = append(dst, `{"event":`...)
	dst = jsontext.AppendString(dst, kind)
	if e.ID != nil {
		dst = append(dst, `,"id":`...)
		dst = jsontext.AppendString(dst, id)
	}
	dst = append(dst, `,"data":`...)
	if len(data) > 0 && jsontext.Valid(data) {
		dst = append(dst, data...)
	} else {
		dst = jsontext.AppendString(dst, data)
	}
	return append(dst, '}'), ok1 && ok2 && ok3
}

// Decoded is text as the decoder of the WHATWG Encoding Standard reads it: invalid UTF-8 becomes
// U+FFFD, once for each maximal part of a character.
func Decoded(text []byte) []byte {
	decoded, _ := decode(text)
	return decoded
}

func decode(text []byte) (decoded []byte, isUTF8 bool) {
	if utf8.Valid(text) {
		return text, true
	}
	// It fails never: it replaces.
	decoded, _ = unicode.UTF8.NewDecoder().Bytes(text)
	return decoded, false
}

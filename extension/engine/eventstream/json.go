package eventstream

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"xk6-realtime/engine/protocol/jsontext"
)

// appendJSON appends an event as descriptors see it: an object of its type as
// event, its data as data and, where its block has one, its id. Data that are
// JSON stay as they are; others are a text.
func appendJSON(dst []byte, e *Event) []byte {
	dst = append(dst, `{"event":`...)
	dst = appendText(dst, e.Type)
	if e.ID != nil {
		dst = append(dst, `,"id":`...)
		dst = appendText(dst, e.ID)
	}
	dst = append(dst, `,"data":`...)
	// A browser decodes the stream before it looks at what is in it.
	if data := Decoded(e.Data); len(data) > 0 && jsontext.Valid(data) {
		dst = append(dst, data...)
	} else {
		dst = appendText(dst, data)
	}
	return append(dst, '}')
}

func appendText(dst, text []byte) []byte {
	return jsontext.AppendString(dst, Decoded(text))
}

// Decoded is text as the decoder of the WHATWG Encoding Standard reads it: invalid UTF-8 becomes
// U+FFFD, once for each maximal part of a character.
func Decoded(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	// It fails never: it replaces.
	decoded, _ := unicode.UTF8.NewDecoder().Bytes(text)
	return decoded
}

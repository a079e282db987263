package protocol

import (
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"xk6-realtime/engine/percent"
	"xk6-realtime/engine/protocol/jsontext"
)

// Value is what stands for a variable. The zero Value is one without a value:
// null in JSON, nothing elsewhere.
type Value struct {
	Text string
	kind valueKind
}

type valueKind uint8

const (
	noValue valueKind = iota
	textValue
	bareValue // a number or a boolean: in JSON as it is
)

// String is a text as a variable's value.
func String(text string) Value { return Value{text, textValue} }

// Number is a number as a variable's value, by the digits it is written with.
func Number(digits string) Value { return Value{digits, bareValue} }

// template is a message, or a path, with variables in it.
type template struct {
	parts  []part
	binary bool
	wire   *wire // of a message
}

// part is a literal, or a variable.
type part struct {
	literal string
	name    string // "" for a literal
	slot    int    // where the variable's value is; set by the compiler
	place   place
}

type place uint8

const (
	raw    place = iota // as it is
	value               // as a JSON value
	inside              // inside a JSON string
	uri                 // percent-encoded
)

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseTemplate reads a message template. Its JSON is the longest stretch that begins at a { or
// [, reaches to the end (STOMP's NUL aside) and is JSON when each variable stands for a value.
// Before it, a stretch from a { or [ to its closing bracket is JSON too, if it holds a text in
// quotation marks. With a delimiter it may hold several messages, each a template of its own.
func parseTemplate(source, delimiter string) (t template, err error) {
	parts, err := split(source)
	if err != nil {
		return t, err
	}
	messages := [][]part{parts}
	if delimiter != "" {
		messages = messagesOf(parts, delimiter)
	}
	for i, message := range messages {
		if len(message) == 0 && len(messages) > 1 {
			return t, fmt.Errorf("want a message on both sides of each delimiter %q", delimiter)
		}
		placed, err := placeInMessage(message)
		if err != nil {
			return t, err
		}
		if i > 0 {
			t.parts = append(t.parts, part{literal: delimiter})
		}
		t.parts = append(t.parts, placed...)
	}
	return t, nil
}

// parsePathTemplate reads a template of a URL's path and query.
func parsePathTemplate(source string) (template, error) {
	parts, err := split(source)
	for i := range parts {
		parts[i].place = uri
	}
	return template{parts: parts}, err
}

// Piece is a stretch of a template: a literal, or the variable of a name.
type Piece struct{ Literal, Variable string }

// Split takes a template apart at each ${variable}. An error names the text that is not a
// variable.
func Split(source string) (pieces []Piece, err error) {
	for {
		at := strings.Index(source, "${")
		if at < 0 {
			break
		}
		end := strings.IndexByte(source[at:], '}')
		if end < 0 {
			return nil, fmt.Errorf(`want a "}" after %q`, source[at:])
		}
		variable := source[at+2 : at+end]
		if !name.MatchString(variable) {
			return nil, fmt.Errorf("want the name of a variable in %q", source[at:at+end+1])
		}
		if at > 0 {
			pieces = append(pieces, Piece{Literal: source[:at]})
		}
		pieces = append(pieces, Piece{Variable: variable})
		source = source[at+end+1:]
	}
	if source != "" {
		pieces = append(pieces, Piece{Literal: source})
	}
	return pieces, nil
}

func split(source string) (parts []part, err error) {
	pieces, err := Split(source)
	for _, p := range pieces {
		parts = append(parts, part{literal: p.Literal, name: p.Variable})
	}
	return parts, err
}

// messagesOf are the messages that delimiters part, each without them.
func messagesOf(parts []part, delimiter string) [][]part {
	messages := [][]part{nil}
	for _, p := range parts {
		if p.name != "" {
			messages[len(messages)-1] = append(messages[len(messages)-1], p)
			continue
		}
		for i, text := range strings.Split(p.literal, delimiter) {
			if i > 0 {
				messages = append(messages, nil)
			}
			if text != "" {
				messages[len(messages)-1] = append(messages[len(messages)-1], part{literal: text})
			}
		}
	}
	return messages
}

// placeInMessage sets the places of the variables of one message.
func placeInMessage(parts []part) ([]part, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	if begins := strings.TrimLeft(parts[0].literal, " \t\r\n"); begins != "" && isBracket(begins[0]) {
		if !placeVariables(parts) {
			return nil, fmt.Errorf("want JSON to its end, since it begins with %q", begins[0])
		}
		return parts, nil
	}
	for before, from := range brackets(parts) {
		if placeVariables(from) {
			return append(placeWithin(before), from...), nil
		}
	}
	return placeWithin(parts), nil
}

// placeWithin sets the places of those variables that are in JSON with a text
// in it.
func placeWithin(parts []part) []part {
	for before, from := range brackets(parts) {
		inside, after := untilClosed(from)
		quoted := slices.ContainsFunc(inside, func(p part) bool { return strings.Contains(p.literal, `"`) })
		if quoted && placeVariables(inside) {
			return slices.Concat(before, inside, placeWithin(after))
		}
	}
	return parts
}

func isBracket(c byte) bool { return c == '{' || c == '[' }

// brackets are what is before each opening bracket, and what is from there on.
func brackets(parts []part) iter.Seq2[[]part, []part] {
	return func(yield func(before, from []part) bool) {
		for i, p := range parts {
			for offset := range len(p.literal) {
				if isBracket(p.literal[offset]) && !yield(cut(parts, i, offset)) {
					return
				}
			}
		}
	}
}

// cut is what is before and from an offset in the literal of a part on, in new
// memory.
func cut(parts []part, i, offset int) (before, from []part) {
	literal := parts[i].literal
	before = append(slices.Clone(parts[:i]), part{literal: literal[:offset]})
	return before, append([]part{{literal: literal[offset:]}}, parts[i+1:]...)
}

// untilClosed is what reaches up to where the bracket closes that parts begin
// with, and what is left; nothing where it does not.
func untilClosed(parts []part) (inside, after []part) {
	depth, inString := 0, false
	for i, p := range parts {
		for j := 0; j < len(p.literal); j++ {
			switch c := p.literal[j]; {
			case c == '"':
				inString = !inString
			case inString:
				if c == '\\' {
					j++
				}
			case isBracket(c):
				depth++
			case c == '}' || c == ']':
				if depth--; depth == 0 {
					return cut(parts, i, j+1)
				}
			}
		}
	}
	return nil, nil
}

// placeVariables says of each variable whether it stands for a value or inside
// a string; false, and nothing said, when the whole is not JSON.
func placeVariables(parts []part) bool {
	inString := false
	var sample strings.Builder
	places := make([]place, len(parts))
	for i := range parts {
		p := &parts[i]
		if p.name != "" {
			// null beside a digit, or an x after a backslash, is not JSON: such
			// a place is refused here.
			if inString {
				places[i] = inside
				sample.WriteByte('x')
			} else {
				places[i] = value
				sample.WriteString("null")
			}
			continue
		}
		for j := 0; j < len(p.literal); j++ {
			if p.literal[j] == '"' {
				inString = !inString
			} else if inString && p.literal[j] == '\\' {
				j++
			}
		}
		sample.WriteString(p.literal)
	}
	if !json.Valid(withoutFrameEnd([]byte(sample.String()))) {
		return false
	}
	for i := range parts {
		parts[i].place = places[i]
	}
	return true
}

// fill appends a variable's value as its place wants it.
func (p *part) fill(dst, text []byte, kind valueKind) []byte {
	switch p.place {
	case value:
		switch kind {
		case noValue:
			return append(dst, "null"...)
		case textValue:
			return jsontext.AppendString(dst, text)
		}
	case inside:
		return jsontext.AppendInside(dst, text)
	case uri:
		return percent.Append(dst, text, percent.IsUnreserved)
	}
	return append(dst, text...)
}

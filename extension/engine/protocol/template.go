package protocol

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
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
	json   bool
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

// parseTemplate reads a message template. Its JSON part is the longest stretch
// that begins at a { or [, reaches to the end (STOMP's NUL aside) and is
// JSON when each variable stands for a value.
func parseTemplate(source string) (template, error) {
	parts, err := split(source)
	if err != nil {
		return template{}, err
	}
	if placed := findJSON(parts); placed != nil {
		return template{parts: placed, json: true}, nil
	}
	if trimmed := strings.TrimSpace(source); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		return template{}, fmt.Errorf("want JSON, since it begins with %q", trimmed[0])
	}
	return template{parts: parts}, nil
}

// parsePathTemplate reads a template of a URL's path and query.
func parsePathTemplate(source string) (template, error) {
	parts, err := split(source)
	for i := range parts {
		parts[i].place = uri
	}
	return template{parts: parts}, err
}

func split(source string) (parts []part, err error) {
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
			parts = append(parts, part{literal: source[:at]})
		}
		parts = append(parts, part{name: variable})
		source = source[at+end+1:]
	}
	if source != "" {
		parts = append(parts, part{literal: source})
	}
	return parts, nil
}

// findJSON sets the places of the variables in the JSON part; nil when there
// is none.
func findJSON(parts []part) []part {
	for i, p := range parts {
		if p.name != "" {
			continue
		}
		for offset := range len(p.literal) {
			if c := p.literal[offset]; c != '{' && c != '[' {
				continue
			}
			tail := append([]part{{literal: p.literal[offset:]}}, parts[i+1:]...)
			if !placeVariables(tail) {
				continue
			}
			whole := slices.Clone(parts[:i])
			if offset > 0 {
				whole = append(whole, part{literal: p.literal[:offset]})
			}
			return append(whole, tail...)
		}
	}
	return nil
}

// placeVariables says of each variable whether it stands for a value or inside
// a string; false when the whole is not JSON.
func placeVariables(parts []part) bool {
	inString := false
	var sample strings.Builder
	for i := range parts {
		p := &parts[i]
		if p.name != "" {
			// null beside a digit, or an x after a backslash, is not JSON: such
			// a place is refused here.
			if inString {
				p.place = inside
				sample.WriteByte('x')
			} else {
				p.place = value
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
	return json.Valid(withoutFrameEnd([]byte(sample.String())))
}

// fill appends a variable's value as its place wants it.
func (p *part) fill(dst, text []byte, kind valueKind) []byte {
	switch p.place {
	case value:
		switch kind {
		case noValue:
			return append(dst, "null"...)
		case textValue:
			return appendString(dst, text)
		}
	case inside:
		return appendInside(dst, text)
	case uri:
		return appendEscaped(dst, text)
	}
	return append(dst, text...)
}

// appendEscaped percent-encodes all but the characters that JavaScript's
// encodeURIComponent leaves as they are.
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range text {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0 {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&0xF])
		}
	}
	return dst
}

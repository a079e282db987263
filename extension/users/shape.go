package users

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// facts are what can be said of a token that is wrong, without repeating any of
// it. lib/shape.ts says the same; one table of fixtures holds both together.
var facts = []struct {
	holds func(token string) bool
	fact  string
}{
	{matches(`^\x{feff}`), "begins with a byte-order mark"},
	{isInQuotes, "is in quotes"},
	{matches(`(?s)^\x{feff}?\s*[“”„‘’‚«»].*[“”‘’«»]\s*$`), "is in typographic quotes"},
	{matches(`[\r\n]$`), "ends in a line break"},
	{hasLineBreakInside, "has a line break in it"},
	{matches(`^[ \t]`), "begins with a space"},
	{matches(`[ \t]$`), "ends in a space"},
	{matches(`(?i)^bearer `), "begins with the word Bearer"},
	{matches(`[^\s][ \t]+[^\s]`), "has a space in it"},
	{matches(`[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]`), "has a control character in it"},
	{matches(`[^\x00-\x7f\x{feff}“”„‘’‚«»]`), "has a character in it that is not ASCII"},
}

// IsToken tells whether a text can stand in a header, as tokens do: printable
// ASCII without spaces.
func IsToken(text string) bool {
	return text != "" && !has(text, func(c byte) bool { return c < 0x21 || c > 0x7e })
}

// ShapeOf describes the fault of a token, without quoting any part of it.
func ShapeOf(token string) string {
	var found []string
	for _, f := range facts {
		if f.holds(token) {
			found = append(found, f.fact)
		}
	}
	if len(found) == 0 {
		return "something else"
	}
	return "one that " + strings.Join(found, " and ")
}

func matches(pattern string) func(string) bool {
	return regexp.MustCompile(pattern).MatchString
}

func isInQuotes(token string) bool {
	inside := strings.TrimSpace(strings.TrimPrefix(token, "\ufeff"))
	if len(inside) < 2 {
		return false
	}
	first, _ := utf8.DecodeRuneInString(inside)
	return strings.ContainsRune("\"'`", first) && strings.HasSuffix(inside, string(first))
}

func hasLineBreakInside(token string) bool {
	return strings.ContainsAny(strings.TrimRight(token, "\r\n"), "\r\n")
}

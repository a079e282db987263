package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"xk6-realtime/engine/protocol/jsontext"
)

// longest is how many characters of a value are told.
const longest = 80

// expectedOf is what a rule asks for, in words: the twin of lib/contract/words.ts,
// of which one table of fixtures holds both.
func expectedOf(rule string, value any, name string) string {
	switch rule {
	case "type":
		if names, ok := value.([]any); ok {
			texts := make([]string, len(names))
			for i, one := range names {
				texts[i] = fmt.Sprint(one)
			}
			slices.Sort(texts)
			return strings.Join(texts, " or ")
		}
		return fmt.Sprint(value)
	case "const":
		return textOf(value)
	case "enum":
		values, _ := value.([]any)
		texts := make([]string, len(values))
		for i, one := range values {
			texts[i] = jsontext.Stringify(one)
		}
		return cut("one of " + strings.Join(texts, ", "))
	case "format":
		return fmt.Sprintf("a text in the format %v", value)
	case "required", "dependencies", "dependentRequired":
		return cut("a member " + jsontext.Stringify(name))
	case "additionalProperties", "unevaluatedProperties":
		return cut("no member " + jsontext.Stringify(name))
	case "anyOf":
		return "a value that fits at least one of the schemas"
	case "oneOf":
		return "a value that fits exactly one of the schemas"
	case "not":
		return "a value that does not fit the schema"
	case "contains":
		return "the required number of items that fit the schema"
	case "propertyNames":
		return cut("no member named " + jsontext.Stringify(name))
	case "uniqueItems":
		return "items that are all different"
	case "items", "additionalItems", "unevaluatedItems":
		return "fewer items"
	case "false":
		return "no value"
	}
	return cut(rule + " " + jsontext.Stringify(value))
}

// secret is in the names of members whose values are not told.
var secret = regexp.MustCompile(`(?i)token|secret|passw|authori[sz]ation|credential|cookie|api_?key|session_?id`)

// foundOf is what came, at a JSON Pointer.
func foundOf(rule string, value any, at string) string {
	if text, ok := value.(string); ok && secret.MatchString(at) {
		return fmt.Sprintf("a text of %d characters", utf8.RuneCountInString(text))
	}
	switch rule {
	case "required", "dependencies", "dependentRequired":
		return "none"
	case "additionalProperties", "unevaluatedProperties", "propertyNames":
		return "one"
	}
	return textOf(value)
}

// textOf is a value as it stands in a message, cut; of an object or a list only
// how large it is.
func textOf(value any) string {
	switch v := value.(type) {
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return fmt.Sprintf("an object of %d", len(v))
	}
	return cut(jsontext.Stringify(value))
}

func cut(text string) string {
	characters := []rune(text)
	if len(characters) > longest {
		return string(characters[:longest]) + "…"
	}
	return text
}

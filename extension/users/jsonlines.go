package users

import (
	"encoding/json"
	"strings"
)

// isJSON tells whether a file holds JSON lines, or a JSON list, which is not accepted: a header
// of CSV begins with neither bracket.
func isJSON(text string) bool { return begins(text, "{") || begins(text, "[") }

func begins(text, with string) bool {
	return strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n"), with)
}

// csvOfJSONLines is the same users as CSV, a line longer by its header: the
// members of the first object are the columns. A number, true and false are
// texts as they are written.
func csvOfJSONLines(text string) (string, error) {
	if begins(text, "[") {
		return "", wrong(1, "", "CSV, or JSON lines with an object in each", "a JSON list")
	}
	var csv strings.Builder
	csv.Grow(len(text))
	var columns []string
	number := 0
	for line := range strings.SplitSeq(strings.TrimRight(strings.TrimPrefix(text, "\ufeff"), " \t\r\n"), "\n") {
		number++
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &members); err != nil || members == nil {
			if strings.TrimSpace(line) == "" {
				return "", wrong(number, "", "one whole JSON object", "an empty line")
			}
			return "", wrong(number, "", "one whole JSON object", "something else")
		}
		if number == 1 {
			columns = names(line)
			for i, name := range columns {
				appendField(&csv, i, name)
			}
			csv.WriteByte('\n')
		}
		for i, name := range columns {
			value, ok := members[name]
			if !ok {
				return "", wrong(number, "", "the members of the first line", "none named "+name)
			}
			field, got := fieldOf(value)
			if got != "" {
				return "", wrong(number, name, "a text, a number, true or false", got)
			}
			appendField(&csv, i, field)
		}
		if len(members) != len(columns) {
			return "", wrong(number, "", "the members of the first line", "more")
		}
		csv.WriteByte('\n')
	}
	return csv.String(), nil
}

// names are the members' names of an object, in their order, each once.
func names(object string) (all []string) {
	d := json.NewDecoder(strings.NewReader(object))
	d.Token()
	for seen := map[string]bool{}; d.More(); {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return all
		}
		if text := name.(string); !seen[text] {
			seen[text] = true
			all = append(all, text)
		}
	}
	return all
}

// fieldOf is a value as a field; got says what it is where it cannot be one.
func fieldOf(value json.RawMessage) (field, got string) {
	switch value[0] {
	case '"':
		json.Unmarshal(value, &field)
		return field, ""
	case 'n':
		return "", "null"
	case '[':
		return "", "a list"
	case '{':
		return "", "an object"
	}
	return string(value), ""
}

func appendField(csv *strings.Builder, i int, text string) {
	if i > 0 {
		csv.WriteByte(',')
	}
	if !strings.ContainsAny(text, "\",\r\n") {
		csv.WriteString(text)
		return
	}
	csv.WriteByte('"')
	csv.WriteString(strings.ReplaceAll(text, `"`, `""`))
	csv.WriteByte('"')
}

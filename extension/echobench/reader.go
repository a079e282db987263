package echobench

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// reader takes apart decoded JSON, and keeps the first error.
type reader struct {
	err       error
	instances int // that share each case
}

// required marks a whole number without a default.
const required = -1

// fail reports the expected value of a field, and the actual one. nil stands for a missing one.
func (r *reader) fail(field, expected string, got any) {
	if r.err != nil {
		return
	}
	text := "nothing"
	if got != nil {
		const most = 60
		b, _ := json.Marshal(got) // it was decoded from JSON
		if text = string(b); len(text) > most {
			text = text[:most] + "…"
		}
	}
	if field == "" {
		field = "the spec"
	}
	r.err = fmt.Errorf("%s: expected %s, got %s", field, expected, text)
}

// object is a field's object, empty where there is none.
func (r *reader) object(field string, v any, known ...string) map[string]any {
	if v == nil && field != "" {
		return nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		r.fail(field, "an object", v)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(known, name) {
			r.fail(strings.TrimPrefix(field+"."+name, "."), "one of the fields "+strings.Join(known, ", "), name)
		}
	}
	return o
}

func (r *reader) list(field string, v any) []any {
	l, ok := v.([]any)
	if !ok || len(l) == 0 {
		r.fail(field, "a list with one element at least", v)
	}
	return l
}

func (r *reader) text(field string, v any, otherwise string) string {
	if v == nil && otherwise != "" {
		return otherwise
	}
	s, ok := v.(string)
	if !ok || s == "" || strings.ContainsAny(s, "\r\n\x1b") {
		r.fail(field, "a text of one line", v)
	}
	return s
}

func (r *reader) flag(field string, v any, otherwise bool) bool {
	if v == nil {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		r.fail(field, "true or false", v)
	}
	return b
}

func (r *reader) whole(field string, v any, otherwise, least, most int) int {
	if v == nil && otherwise != required {
		return otherwise
	}
	n, ok := v.(json.Number)
	value, err := strconv.Atoi(string(n))
	if !ok || err != nil || value < least || value > most {
		r.fail(field, fmt.Sprintf("a whole number from %d to %d", least, most), v)
	}
	return value
}

func (r *reader) number(field string, v any, otherwise, least, most float64) float64 {
	if v == nil {
		return otherwise
	}
	n, ok := v.(json.Number)
	value, err := n.Float64()
	if !ok || err != nil || value < least || value > most {
		r.fail(field, fmt.Sprintf("a number from %v to %.0f", least, most), v)
	}
	return value
}

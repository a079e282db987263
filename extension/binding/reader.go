package binding

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// reader takes an object's fields one by one and keeps the first thing wrong.
type reader struct {
	of     string
	fields map[string]any
	known  []string
	parent *reader
	err    error
}

func (r *reader) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
	}
}

func (r *reader) wrong(name, expected string, got any) {
	r.fail(wrong(r.of+"."+name, expected, got))
}

func wrong(name, expected string, got any) error {
	shown := fmt.Sprintf("%v", got)
	switch got := got.(type) {
	case nil:
		shown = "nothing"
	case string:
		shown = fmt.Sprintf("%q", got)
	case []any, []string:
		shown = "a list"
	case map[string]any:
		shown = "an object"
	}
	return fmt.Errorf("%s: expected %s, got %s", name, expected, shown)
}

// kindOf is all that is said of a value that may be a secret.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "something else"
}

func (r *reader) take(name string) (value any, given bool) {
	r.known = append(r.known, name)
	value, given = r.fields[name]
	return value, given && value != nil
}

func (r *reader) number(name string, fallback, least, most float64) float64 {
	value, given := r.take(name)
	if !given {
		return fallback
	}
	n := math.NaN()
	switch v := value.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	}
	if !(n >= least && n <= most) {
		r.wrong(name, fmt.Sprintf("a number from %v to %v", least, most), value)
		return fallback
	}
	return n
}

func (r *reader) whole(name string, fallback, least, most int) int {
	value, given := r.take(name)
	if !given && fallback >= least {
		return fallback
	}
	n, ok := value.(int64)
	if !ok || n < int64(least) || n > int64(most) {
		r.wrong(name, fmt.Sprintf("a whole number from %d to %d", least, most), value)
		return fallback
	}
	return int(n)
}

// milliseconds reads a time of at most a year.
func (r *reader) milliseconds(name string, fallback time.Duration, least float64) time.Duration {
	const most = 365 * 24 * 3600 * 1000
	if value, given := r.fields[name]; !given || value == nil {
		r.known = append(r.known, name)
		return fallback
	}
	return inTime(r.number(name, 0, least, most))
}

// neededMilliseconds reads a time that has no default.
func (r *reader) neededMilliseconds(name string, least float64) time.Duration {
	if value, given := r.fields[name]; !given || value == nil {
		r.wrong(name, "a time", nil)
	}
	return r.milliseconds(name, 0, least)
}

func (r *reader) choice(name string, first string, more ...string) string {
	value, given := r.take(name)
	if !given {
		return first
	}
	all := append([]string{first}, more...)
	text, _ := value.(string)
	if !slices.Contains(all, text) {
		r.wrong(name, strings.Join(all, " or "), value)
	}
	return text
}

func (r *reader) boolean(name string) bool {
	value, given := r.take(name)
	yes, ok := value.(bool)
	if given && !ok {
		r.wrong(name, "true or false", value)
	}
	return yes
}

func (r *reader) text(name string) string {
	value, _ := r.take(name)
	text, ok := value.(string)
	if !ok {
		r.fail(fmt.Errorf("%s.%s: expected a text, got %s", r.of, name, kindOf(value))) // it may be a secret
	}
	return text
}

func (r *reader) texts(name string) []string {
	value, given := r.take(name)
	if !given {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		r.fail(fmt.Errorf("%s.%s: expected a list of texts, got %s", r.of, name, kindOf(value)))
	}
	texts := make([]string, len(list))
	for i, element := range list {
		var isText bool
		if texts[i], isText = element.(string); !isText {
			r.fail(fmt.Errorf("%s.%s: expected a list of texts, got %s in it", r.of, name, kindOf(element)))
		}
	}
	return texts
}

// object reads a field that holds further ones; finish it.
func (r *reader) object(name string) *reader {
	value, given := r.take(name)
	fields, ok := value.(map[string]any)
	if given && !ok {
		r.wrong(name, "an object", value)
	}
	return &reader{of: r.of + "." + name, fields: fields, parent: r}
}

// names is every field in order, for objects whose fields the script names.
func (r *reader) names() []string {
	names := make([]string, 0, len(r.fields))
	for name := range r.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// finish hands the error to the object around this one.
func (r *reader) finish() { r.parent.fail(r.done()) }

// done is the first thing wrong, a field that nothing asked for included.
func (r *reader) done() error {
	if r.err != nil {
		return r.err
	}
	for _, name := range r.names() {
		if !slices.Contains(r.known, name) {
			return fmt.Errorf("%s.%s: unknown option, expected one of %s", r.of, name, strings.Join(r.known, ", "))
		}
	}
	return nil
}

package contract

import (
	"encoding/json"
	"strconv"
	"strings"
	"unsafe"

	"xk6-realtime/engine/protocol/jsontext"
)

// recogniser tells kinds apart by their marks. Its twin is
// lib/contract/recognise.ts.
type recogniser struct {
	places   [][]string // the pointers of all marks
	pointers []string   // as they are written
	kinds    []kindMarks
}

type kindMarks struct {
	from  side
	role  string
	marks []kindMark
}

type kindMark struct {
	place  int
	values map[string]struct{} // as key makes them
}

func newRecogniser(kinds []Kind) recogniser {
	var r recogniser
	known := map[string]int{}
	for _, kind := range kinds {
		of := kindMarks{from: kind.From.side(), role: kind.Role}
		for _, mark := range kind.Marks {
			place, ok := known[mark.At]
			if !ok {
				place = len(r.places)
				known[mark.At] = place
				r.places = append(r.places, tokens(mark.At))
				r.pointers = append(r.pointers, mark.At)
			}
			values := map[string]struct{}{}
			for _, value := range mark.Values {
				values[keyOf(value)] = struct{}{}
			}
			of.marks = append(of.marks, kindMark{place, values})
		}
		r.kinds = append(r.kinds, of)
	}
	return r
}

// The key of a value begins with its kind.
func keyOf(value any) string {
	switch v := value.(type) {
	case string:
		return `"` + v
	case float64:
		return "0" + strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		number, _ := v.Float64()
		return keyOf(number)
	}
	return "null"
}

// finder finds what stands at the places of marks in a message. It is one
// loop's.
type finder struct {
	keys  [][]byte // nil where there is nothing
	plain []byte
}

// find looks at every place of a text that is one value of JSON, or reports that it is not.
func (f *finder) find(r *recogniser, text []byte) bool {
	for len(f.keys) < len(r.places) {
		f.keys = append(f.keys, nil)
	}
	for i, place := range r.places {
		key, ok := f.at(f.keys[i][:0], text, place)
		if !ok {
			return false
		}
		f.keys[i] = key
	}
	return true
}

// at makes the key of what stands at a place, empty for nothing.
func (f *finder) at(key, text []byte, place []string) ([]byte, bool) {
	i := jsontext.Space(text, 0)
	for _, token := range place {
		if i >= len(text) {
			return key, false
		}
		if text[i] != '{' {
			return key, true
		}
		var ok bool
		if i, ok = f.member(text, i, token); !ok || i < 0 {
			return key, ok
		}
	}
	if i >= len(text) {
		return key, false
	}
	switch c := text[i]; {
	case c == '"':
		end, escaped := jsontext.StringEnd(text, i)
		if end < 0 {
			return key, false
		}
		key = append(key, '"')
		if escaped {
			return jsontext.Unescape(key, text[i+1:end-1]), true
		}
		return append(key, text[i+1:end-1]...), true
	case c == '-' || c >= '0' && c <= '9':
		end := jsontext.NumberEnd(text, i)
		if end < 0 {
			return key, false
		}
		digits := text[i:end]
		number, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(digits), len(digits)), 64)
		if err != nil {
			return key, true
		}
		return strconv.AppendFloat(append(key, '0'), number, 'g', -1, 64), true
	case c == 't' || c == 'f' || c == 'n':
		end := jsontext.LiteralEnd(text, i)
		if end < 0 {
			return key, false
		}
		return append(key, text[i:end]...), true
	}
	return key, true
}

// member finds the first member of a name in the object that begins at i, -1 for none. If one
// comes twice, the last counts: then no acceptor takes the message, and findIn looks again.
func (f *finder) member(text []byte, i int, name string) (at int, ok bool) {
	for i = jsontext.Space(text, i+1); i < len(text); {
		if text[i] == '}' {
			return -1, true
		}
		if text[i] != '"' {
			return -1, false
		}
		end, escaped := jsontext.StringEnd(text, i)
		if end < 0 {
			return -1, false
		}
		own := text[i+1 : end-1]
		if escaped {
			f.plain = jsontext.Unescape(f.plain[:0], own)
			own = f.plain
		}
		isIt := string(own) == name
		if i = jsontext.Space(text, end); i >= len(text) || text[i] != ':' {
			return -1, false
		}
		if i = jsontext.Space(text, i+1); isIt {
			return i, true
		}
		if i = jsontext.Skip(text, i, 1); i < 0 {
			return -1, false
		}
		if i = jsontext.Space(text, i); i < len(text) && text[i] == ',' {
			i = jsontext.Space(text, i+1)
		}
	}
	return -1, false
}

// findIn looks at every place of a message that was decoded.
func (f *finder) findIn(r *recogniser, message any) {
	f.keys = f.keys[:0]
	for _, place := range r.places {
		value := message
		for i := range place {
			of, _ := value.(map[string]any)
			var ok bool
			if value, ok = of[place[i]]; !ok {
				value = nothing{}
			}
		}
		var key []byte
		switch value.(type) {
		case nothing, map[string]any, []any:
		default:
			key = []byte(keyOf(value))
		}
		f.keys = append(f.keys, key)
	}
}

// describe is what stands at the places of all marks, for a message of no kind.
func (r *recogniser) describe(message any) string {
	var found []string
	for i, place := range r.places {
		value, ok := message, true
		for _, token := range place {
			of, _ := value.(map[string]any)
			if value, ok = of[token]; !ok {
				break
			}
		}
		if ok {
			found = append(found, r.pointers[i]+" "+foundOf("const", value, r.pointers[i]))
		}
	}
	if len(found) == 0 {
		return textOf(message)
	}
	return strings.Join(found, ", ")
}

// nothing stands where there is no value.
type nothing struct{}

// candidates are the kinds that a message may be of, in dst: of its sender,
// unless that has none. Certain where its marks tell, and for a sender's only
// kind.
func (r *recogniser) candidates(dst []int, f *finder, role string, sender Sender) (kinds []int, certain bool) {
	dst = dst[:0]
	if len(r.kinds) == 1 {
		return append(dst, 0), true
	}
	for i := range r.kinds {
		if k := &r.kinds[i]; (k.role != "" || len(k.marks) > 0) && (k.role == "" || k.role == role) && f.has(k) {
			dst = append(dst, i)
		}
	}
	if len(dst) > 0 {
		dst = r.ofSender(dst, sender.side())
		return dst, len(dst) == 1
	}
	for i := range r.kinds {
		if k := &r.kinds[i]; k.role == "" && len(k.marks) == 0 {
			dst = append(dst, i)
		}
	}
	// A loose schema of the other side takes any message: it says nothing about one
	// of this side.
	dst = r.ofSender(dst, sender.side())
	return dst, len(dst) == 1 && r.isOnly(dst[0], sender.side())
}

// isOnly tells whether a kind is the only one of a sender.
func (r *recogniser) isOnly(kind int, by side) bool {
	for i := range r.kinds {
		if isOwn := r.kinds[i].from&by != 0; isOwn != (i == kind) {
			return false
		}
	}
	return true
}

// ofSender leaves of several kinds the sender's, all where it sends none of
// them.
func (r *recogniser) ofSender(kinds []int, by side) []int {
	own := 0
	for _, kind := range kinds {
		if r.kinds[kind].from&by != 0 {
			kinds[own] = kind
			own++
		}
	}
	if own == 0 {
		return kinds
	}
	return kinds[:own]
}

// isMarked tells whether the messages of a kind have something that tells it.
func (r *recogniser) isMarked(kind int) bool {
	return r.kinds[kind].role != "" || len(r.kinds[kind].marks) > 0
}

func (f *finder) has(k *kindMarks) bool {
	for _, mark := range k.marks {
		key := f.keys[mark.place]
		if len(key) == 0 {
			return false
		}
		if _, ok := mark.values[unsafe.String(unsafe.SliceData(key), len(key))]; !ok {
			return false
		}
	}
	return true
}

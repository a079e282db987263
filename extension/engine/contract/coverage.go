package contract

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// mostCovered bounds how many values of a message are looked at for the
// coverage.
const mostCovered = 10_000

// cover notes which fields a message has, and which values of enums, for
// messages that the acceptor did not accept. As lib/contract/coverage.ts does.
func (a *acceptor) cover(s *jsonschema.Schema, c *Contract, message any) {
	if len(a.seen) == 0 {
		return
	}
	w := coverage{c: c, seen: a.seen, left: mostCovered}
	w.walk(s, message)
}

type coverage struct {
	c    *Contract
	seen []bool
	left int
}

func (w *coverage) walk(s *jsonschema.Schema, value any) {
	if s == nil || w.left <= 0 {
		return
	}
	w.left--
	at := locationOf(s.Location)
	if s.Enum != nil {
		isIt := func(one any) bool { return isScalar(one) && isScalar(value) && one == value }
		if i := slices.IndexFunc(s.Enum.Values, isIt); i >= 0 {
			w.note(at + "/enum/" + itoa(i))
		}
	}
	switch v := value.(type) {
	case map[string]any:
		for name, property := range s.Properties {
			if below, ok := v[name]; ok {
				w.note(at + "/properties/" + escape(name))
				w.walk(property, below)
			}
		}
		for name, below := range v {
			if _, ok := s.Properties[name]; ok {
				continue
			}
			for pattern, of := range s.PatternProperties {
				if pattern.MatchString(name) {
					w.walk(of, below)
				}
			}
			if rest, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
				w.walk(rest, below)
			}
		}
	case []any:
		prefix, rest := s.PrefixItems, s.Items2020
		switch items := s.Items.(type) {
		case []*jsonschema.Schema:
			prefix = items
			rest, _ = s.AdditionalItems.(*jsonschema.Schema)
		case *jsonschema.Schema:
			rest = items
		}
		for i, below := range v {
			if i < len(prefix) {
				w.walk(prefix[i], below)
			} else {
				w.walk(rest, below)
			}
		}
	}
	for _, one := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf, []*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else}) {
		w.walk(one, value)
	}
}

// isScalar tells whether a value can be compared to others by ==.
func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func (w *coverage) note(at string) {
	if i, ok := w.c.items[at]; ok {
		w.seen[i] = true
	}
}

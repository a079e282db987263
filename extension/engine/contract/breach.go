package contract

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Breach is one way in which a message breaks its contract.
type Breach struct {
	Rule     Rule
	At       string // JSON Pointer into the message
	Schema   string // the absolute location of the keyword, empty for a rule that is none
	Expected string
	Found    string
}

// breaches are all ways in which a message breaks the schema of its kind: each
// rule once at each place. As lib/contract/validator.ts tells them.
func (c *Contract) breaches(of int, message any) []Breach {
	var failure *jsonschema.ValidationError
	if !errors.As(c.schemas[of].Validate(message), &failure) {
		return nil
	}
	var found []Breach
	c.collect(&found, failure, message)
	found = strongest(found)
	slices.SortStableFunc(found, func(a, b Breach) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Expected, b.Expected))
	})
	return slices.CompactFunc(found, func(a, b Breach) bool { return a.At == b.At && a.Rule == b.Rule })
}

// collect descends to what failed. Of a keyword that looks at several schemas
// it tells that none fits, and not why each of them does not.
func (c *Contract) collect(found *[]Breach, failure *jsonschema.ValidationError, message any) {
	switch is := failure.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		for _, cause := range failure.Causes {
			c.collect(found, cause, message)
		}
	case *kind.FalseSchema:
		c.addFalse(found, failure, message)
	case *kind.Required:
		c.addEach(found, failure, "required", is.Missing, message)
	case *kind.Dependency:
		c.addEach(found, failure, "dependencies", is.Missing, message)
	case *kind.DependentRequired:
		c.addEach(found, failure, "dependentRequired", is.Missing, message)
	case *kind.AdditionalProperties:
		names := slices.Clone(is.Properties)
		slices.Sort(names)
		c.addEach(found, failure, "additionalProperties", names, message)
	case *kind.PropertyNames:
		c.addEach(found, failure, "propertyNames", []string{is.Property}, message)
	default:
		c.add(found, failure, ruleOf(is), "", message)
	}
}

func ruleOf(of jsonschema.ErrorKind) string {
	switch of.(type) {
	case *kind.Not:
		return "not"
	case *kind.Contains, *kind.MinContains, *kind.MaxContains:
		return "contains"
	}
	if path := of.KeywordPath(); len(path) > 0 {
		return path[0]
	}
	return "false"
}

func (c *Contract) addEach(found *[]Breach, failure *jsonschema.ValidationError, rule string, names []string, message any) {
	for _, name := range names {
		c.add(found, failure, rule, name, message)
	}
}

func (c *Contract) add(found *[]Breach, failure *jsonschema.ValidationError, rule, name string, message any) {
	number, ok := ruleNumbers[rule]
	if !ok {
		number, rule = ruleNumbers["false"], "false"
	}
	schema := strings.TrimSuffix(locationOf(failure.SchemaURL), "/propertyNames") + "/" + rule
	at := pointerOf(failure.InstanceLocation)
	*found = append(*found, Breach{
		Rule: number, At: at, Schema: schema,
		Expected: expectedOf(rule, c.keyword(schema), name),
		Found:    foundOf(rule, valueAt(message, failure.InstanceLocation), at),
	})
}

// addFalse is for a schema that takes nothing: the value of a keyword of lists,
// or of members that no other keyword looked at.
func (c *Contract) addFalse(found *[]Breach, failure *jsonschema.ValidationError, message any) {
	at := locationOf(failure.SchemaURL)
	last := at[strings.LastIndexByte(at, '/')+1:]
	place := failure.InstanceLocation
	switch last {
	case "items", "additionalItems", "unevaluatedItems", "unevaluatedProperties":
		name := ""
		if len(place) > 0 {
			name, place = place[len(place)-1], place[:len(place)-1]
		}
		*found = append(*found, Breach{
			Rule: ruleNumbers[last], At: pointerOf(place), Schema: at,
			Expected: expectedOf(last, false, name), Found: foundOf(last, valueAt(message, place), pointerOf(place)),
		})
	default:
		*found = append(*found, Breach{
			Rule: ruleNumbers["false"], At: pointerOf(place), Schema: at,
			Expected: expectedOf("false", false, ""), Found: foundOf("false", valueAt(message, place), pointerOf(place)),
		})
	}
}

// strongest leaves out what others at the same place hide: see
// lib/contract/validator.ts.
func strongest(all []Breach) []Breach {
	strong := []Rule{ruleNumbers["type"], ruleNumbers["const"], ruleNumbers["enum"], ruleNumbers["format"]}
	strength := map[string]int{}
	for _, b := range all {
		if s := slices.Index(strong, b.Rule); s >= 0 {
			if before, ok := strength[b.At]; !ok || s < before {
				strength[b.At] = s
			}
		}
	}
	left := slices.DeleteFunc(all, func(b Breach) bool {
		s, ok := strength[b.At]
		return ok && strong[s] != b.Rule
	})
	isWeak := func(b Breach) bool {
		return b.Rule == ruleNumbers["unevaluatedProperties"] || b.Rule == ruleNumbers["unevaluatedItems"]
	}
	if slices.ContainsFunc(left, func(b Breach) bool { return !isWeak(b) }) {
		left = slices.DeleteFunc(left, isWeak)
	}
	return left
}

func pointerOf(place []string) string {
	var out strings.Builder
	for _, token := range place {
		out.WriteByte('/')
		out.WriteString(escape(token))
	}
	return out.String()
}

// valueAt is the value at a place within another, nil for none.
func valueAt(value any, place []string) any {
	for _, token := range place {
		switch of := value.(type) {
		case map[string]any:
			value = of[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(of) {
				return nil
			}
			value = of[i]
		default:
			return nil
		}
	}
	return value
}

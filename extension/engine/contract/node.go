package contract

import (
	"math"
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// node is what the acceptor knows of one schema.
type node struct {
	// exact says that the acceptor understands all of the schema itself: where it
	// does not, it accepts nothing.
	exact bool
	// bare says that the schema says nothing itself, but for the first of all.
	bare bool
	// combines says that schemas hold for the same value, but for the first of all
	// where bare.
	combines bool
	always   bool // true accepts all
	never    bool // false accepts nothing
	types    types
	scalars  *scalars // of enum or const

	members  map[string]*member
	byName   names[*member] // members, as finish leaves them
	required []uint8        // indexes of members
	rest     *node          // of members that have no schema of their own; nil for any
	closed   bool           // there may be no others

	prefix    []*node
	items     *node // of those after prefix; nil for any
	leastSize int
	mostSize  int

	leastLength int
	mostLength  int
	pattern     jsonschema.Regexp
	format      *jsonschema.Format

	least, most bound
	multiple    int64 // 0 for none

	all, any, one    []*node // all of them, any, exactly one
	not              *node
	when, then, orer *node
}

// member is a member of an object that has a schema, or must be there.
type member struct {
	index uint8
	item  int // of the coverage, -1 for none
	node  *node
}

// bound is a limit on numbers.
type bound struct {
	given     bool
	exclusive bool
	value     float64
}

// types are sets of JSON's types.
type types uint8

const (
	isNull types = 1 << iota
	isBoolean
	isNumber
	isInteger
	isString
	isArray
	isObject
)

var typeNames = map[string]types{
	"null": isNull, "boolean": isBoolean, "number": isNumber | isInteger, "integer": isInteger,
	"string": isString, "array": isArray, "object": isObject,
}

// scalars are the values of an enum or const, each with its item of the
// coverage, -1 for none.
type scalars struct {
	texts                map[string]int
	byText               names[int] // texts, as finish leaves them
	numbers              map[float64]int
	null, isTrue, isFlse int
	has                  [3]bool // null, true, false
}

const (
	mostMembers = 250
	// exactDigits is how many decimal digits a float64 keeps apart.
	exactDigits = 15
)

// node is the facts about a schema. Its own schemas follow in finish.
func (c *Contract) node(s *jsonschema.Schema) *node {
	if s == nil {
		return nil
	}
	if known := c.nodes[s]; known != nil {
		return known
	}
	n := &node{exact: true, mostSize: math.MaxInt, mostLength: math.MaxInt}
	c.nodes[s] = n
	if s.Bool != nil {
		n.always, n.never = *s.Bool, !*s.Bool
		return n
	}
	c.fill(n, s)
	return n
}

// fill compiles a schema. What is not understood makes it inexact.
func (c *Contract) fill(n *node, s *jsonschema.Schema) {
	if s.RecursiveRef != nil || s.DynamicRef != nil || s.PropertyNames != nil || len(s.PatternProperties) > 0 ||
		len(s.Dependencies) > 0 || len(s.DependentRequired) > 0 || len(s.DependentSchemas) > 0 ||
		s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil || s.UniqueItems || s.Contains != nil ||
		s.MinProperties != nil || s.MaxProperties != nil || len(s.Extensions) > 0 || s.ContentSchema != nil || s.ContentEncoding != nil || s.ContentMediaType != nil {
		n.exact = false
	}
	if s.Ref != nil {
		n.all = append(n.all, c.node(s.Ref))
	}
	if s.Types != nil {
		for _, name := range s.Types.ToStrings() {
			n.types |= typeNames[name]
		}
	}
	c.values(n, s)
	c.object(n, s)
	c.list(n, s)
	n.leastLength, n.mostLength = limit(s.MinLength, 0), limit(s.MaxLength, math.MaxInt)
	n.pattern, n.format = s.Pattern, s.Format
	n.numbers(s)
	for _, one := range s.AllOf {
		n.all = append(n.all, c.node(one))
	}
	for _, one := range s.AnyOf {
		n.any = append(n.any, c.node(one))
	}
	for _, one := range s.OneOf {
		n.one = append(n.one, c.node(one))
	}
	n.not = c.node(s.Not)
	if s.If != nil && (s.Then != nil || s.Else != nil) {
		n.when, n.then, n.orer = c.node(s.If), c.node(s.Then), c.node(s.Else)
	}
}

func limit(given *int, otherwise int) int {
	if given == nil {
		return otherwise
	}
	return *given
}

func (c *Contract) values(n *node, s *jsonschema.Schema) {
	var values []any
	if s.Enum != nil {
		values = s.Enum.Values
	}
	if s.Const != nil {
		if values != nil {
			n.exact = false
		}
		values = []any{*s.Const}
	}
	if values == nil {
		return
	}
	n.scalars = &scalars{texts: map[string]int{}, numbers: map[float64]int{}}
	at := locationOf(s.Location)
	for i, value := range values {
		item := -1
		if s.Enum != nil {
			item = c.item(at + "/enum/" + itoa(i))
		}
		if !n.scalars.add(value, item) {
			n.exact = false
		}
	}
}

func (s *scalars) add(value any, item int) bool {
	switch v := value.(type) {
	case string:
		s.texts[v] = item
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1e15 {
			return false
		}
		s.numbers[v] = item
	case nil:
		s.has[0], s.null = true, item
	case bool:
		if v {
			s.has[1], s.isTrue = true, item
		} else {
			s.has[2], s.isFlse = true, item
		}
	default:
		return false
	}
	return true
}

func (c *Contract) item(at string) int {
	if i, ok := c.items[at]; ok {
		return i
	}
	return -1
}

func (c *Contract) object(n *node, s *jsonschema.Schema) {
	switch rest := s.AdditionalProperties.(type) {
	case bool:
		n.closed = !rest
	case *jsonschema.Schema:
		n.rest = c.node(rest)
	}
	if len(s.Properties)+len(s.Required) > mostMembers {
		n.exact = false
		return
	}
	if len(s.Properties)+len(s.Required) == 0 {
		return
	}
	n.members = make(map[string]*member, len(s.Properties)+len(s.Required))
	add := func(name string) *member {
		m := n.members[name]
		if m == nil {
			m = &member{index: uint8(len(n.members)), item: -1}
			n.members[name] = m
		}
		return m
	}
	at := locationOf(s.Location)
	for name, property := range s.Properties {
		m := add(name)
		m.node, m.item = c.node(property), c.item(at+"/properties/"+escape(name))
	}
	for _, name := range s.Required {
		m := add(name)
		if m.node == nil { // it has no schema of its own, and may be one too many
			m.node = n.rest
			n.exact = n.exact && !n.closed
		}
		n.required = append(n.required, m.index)
	}
}

func (c *Contract) list(n *node, s *jsonschema.Schema) {
	n.leastSize, n.mostSize = limit(s.MinItems, 0), limit(s.MaxItems, math.MaxInt)
	first := s.PrefixItems
	rest := any(nil)
	if s.Items2020 != nil {
		rest = s.Items2020
	}
	switch items := s.Items.(type) {
	case []*jsonschema.Schema:
		first, rest = items, s.AdditionalItems
	case *jsonschema.Schema:
		rest = items
	}
	for _, one := range first {
		n.prefix = append(n.prefix, c.node(one))
	}
	switch rest := rest.(type) {
	case bool:
		if !rest {
			n.mostSize = min(n.mostSize, len(first))
		}
	case *jsonschema.Schema:
		n.items = c.node(rest)
	}
}

func (n *node) numbers(s *jsonschema.Schema) {
	n.bound(&n.least, s.Minimum, false)
	n.bound(&n.most, s.Maximum, false)
	if s.ExclusiveMinimum != nil {
		n.exact = n.exact && !n.least.given
		n.bound(&n.least, s.ExclusiveMinimum, true)
	}
	if s.ExclusiveMaximum != nil {
		n.exact = n.exact && !n.most.given
		n.bound(&n.most, s.ExclusiveMaximum, true)
	}
	if m := s.MultipleOf; m != nil {
		if !m.IsInt() || !m.Num().IsInt64() {
			n.exact = false
			return
		}
		n.multiple = m.Num().Int64()
	}
}

// bound takes a limit that a float64 holds as it is.
func (n *node) bound(b *bound, limit *big.Rat, exclusive bool) {
	if limit == nil {
		return
	}
	value, exact := limit.Float64()
	if !exact || math.Abs(value) > 1e15 {
		n.exact = false
		return
	}
	*b = bound{true, exclusive, value}
}

// isBare tells whether a schema says nothing itself but what others say, as a
// $ref does.
func (n *node) isBare() bool {
	return len(n.all) > 0 && n.types == 0 && n.scalars == nil && n.members == nil && n.rest == nil && !n.closed &&
		n.prefix == nil && n.items == nil && n.leastSize == 0 && n.mostSize == math.MaxInt &&
		n.leastLength == 0 && n.mostLength == math.MaxInt && n.pattern == nil && n.format == nil &&
		!n.least.given && !n.most.given && n.multiple == 0
}

// finish makes every node inexact that applies an inexact one: then it is not
// begun in vain.
func (c *Contract) finish() {
	appliedBy := map[*node][]*node{}
	var inexact []*node
	for _, n := range c.nodes {
		n.bare = n.isBare()
		n.combines = len(n.all) > 1 || len(n.all) == 1 && !n.bare || len(n.any)+len(n.one) > 0 || n.not != nil || n.when != nil
		n.byName = newNames(n.members)
		if n.scalars != nil {
			n.scalars.byText = newNames(n.scalars.texts)
		}
		for _, one := range n.applied() {
			if one != nil {
				appliedBy[one] = append(appliedBy[one], n)
			}
		}
		if !n.exact {
			inexact = append(inexact, n)
		}
	}
	for len(inexact) > 0 {
		n := inexact[len(inexact)-1]
		inexact = inexact[:len(inexact)-1]
		for _, by := range appliedBy[n] {
			if by.exact {
				by.exact = false
				inexact = append(inexact, by)
			}
		}
	}
}

func (n *node) applied() []*node {
	all := slices.Concat(n.all, n.any, n.one, n.prefix, []*node{n.rest, n.items, n.not, n.when, n.then, n.orer})
	for _, m := range n.members {
		all = append(all, m.node)
	}
	return all
}

package protocol

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// condition compiles what a message must hold.
func (c *compiler) condition(field string, s *ConditionSpec) condition {
	compiled := condition{text: s.Text}
	if c.now.codec != nil && (s.Text != nil || s.Regex != nil) {
		c.fail(field, `want "where", since the message is not a text`)
	}
	if s.Regex != nil {
		re, err := regexp.Compile(*s.Regex)
		if err != nil {
			c.fail(field+".regex", "%w", err)
			return compiled
		}
		compiled.regex = re
		compiled.groups = re.SubexpNames()[1:]
	}
	for _, pointer := range sortedKeys(s.Where) {
		w := wanted{slot: c.slot(field+".where", pointer)}
		switch v := s.Where[pointer].(type) {
		case string:
			w.kind, w.text = '"', v
			if strings.Contains(v, "${") {
				w.kind, w.filled = filled, c.filling(field+".where", v)
			}
		case float64:
			w.kind, w.number, w.digits = '0', v, strconv.FormatFloat(v, 'f', -1, 64)
		case bool:
			w.kind = 'f'
			if v {
				w.kind = 't'
			}
		case nil:
			w.kind = 'n'
		case map[string]any:
			exists, ok := v["exists"].(bool)
			if !ok || len(v) > 1 {
				c.fail(field+".where", `want {"exists": true or false} at %q`, pointer)
			}
			if exists {
				w.kind = present
			}
		default:
			c.fail(field+".where", `want a string, number, boolean, null or {"exists": true or false} at %q`, pointer)
		}
		compiled.where = append(compiled.where, w)
	}
	return compiled
}

// filling is a text with variables in it that connections have from the start, or
// capture.
func (c *compiler) filling(field, source string) []part {
	parts, err := split(source)
	if err != nil {
		c.fail(field, "%w", err)
		return nil
	}
	if c.p.names == nil {
		return parts // of a Shape, for which no connection exists
	}
	for i := range parts {
		if parts[i].name == "" {
			continue
		}
		if parts[i].slot = slices.Index(c.p.names, parts[i].name); parts[i].slot < 0 {
			c.fail(field, "want a variable that is known here, got ${%s}", parts[i].name)
		}
	}
	return parts
}

func (c *compiler) capture(field string, captures map[string]string, from *condition) (compiled []capture) {
	for _, captured := range sortedKeys(captures) {
		where := captures[captured]
		compiled = append(compiled, capture{
			name:    captured,
			slot:    slices.Index(c.p.names, captured),
			locator: c.locator(field+"."+captured, &where, from),
		})
	}
	return compiled
}

// locator is a JSON Pointer or the name of a group of the regex beside it.
func (c *compiler) locator(field string, where *string, beside *condition) locator {
	switch {
	case where == nil:
		return locator{}
	case *where == "" || strings.HasPrefix(*where, "/"):
		return locator{slot: c.slot(field, *where) + 1}
	}
	group := slices.Index(beside.groups, *where)
	if group < 0 {
		c.fail(field, "want a JSON Pointer or a group of the regex, got %q", *where)
	}
	return locator{group: group + 1}
}

// slot is where a pointer's value is noted.
func (c *compiler) slot(field, pointer string) int {
	n := &c.tree.root
	if pointer != "" {
		if pointer[0] != '/' {
			c.fail(field, `want a JSON Pointer such as "/type", got %q`, pointer)
			return 0
		}
		for token := range strings.SplitSeq(pointer[1:], "/") {
			token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
			n = n.child(token)
		}
	}
	if n.slot < 0 {
		n.slot = c.tree.slots
		c.tree.slots++
	}
	return n.slot
}

func (n *node) child(token string) *node {
	for _, c := range n.children {
		if c.token == token {
			return c
		}
	}
	c := &node{token: token, index: -1, slot: -1}
	if i, err := strconv.Atoi(token); err == nil && i >= 0 && strconv.Itoa(i) == token {
		c.index = i // RFC 6901 section 4: digits without a leading zero
	}
	n.children = append(n.children, c)
	return c
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// collect notes at each node the slots of it and all below.
func collect(n *node) []int {
	if n.slot >= 0 {
		n.slots = append(n.slots, n.slot)
	}
	for _, child := range n.children {
		n.slots = append(n.slots, collect(child)...)
	}
	return n.slots
}

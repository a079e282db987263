package binding

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"xk6-realtime/engine"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/users"
)

// connectionVariable is the number of the connection, from 0 within the run.
const connectionVariable = "connection"

var (
	variableName = regexp.MustCompile(`^\w+$`)
	placeholder  = regexp.MustCompile(`\$\{([^}]*)\}`)
)

// requests makes the handshake of each connection.
type requests struct {
	paths     []template // by server
	protocols []string
	fields    []field
	cookies   []field
	variables map[string]variable
}

// field is a header field or a cookie.
type field struct {
	name  string
	value template
}

// variable has a value for each connection: a column of users, an element of
// list, or text.
type variable struct {
	users  *users.Users
	column int
	list   []string
	text   template
}

// template is text with variables in it.
type template []part

// part is a literal, or the variable of that name, or both.
type part struct{ literal, variable string }

func compile(text string, known map[string]variable) (t template, err error) {
	rest := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		name := text[at[2]:at[3]]
		if _, ok := known[name]; !ok && name != connectionVariable {
			return nil, fmt.Errorf("unknown variable %q, expected one of those in variables or %s", name, connectionVariable)
		}
		t = append(t, part{text[rest:at[0]], name})
		rest = at[1]
	}
	if rest < len(text) {
		t = append(t, part{literal: text[rest:]})
	}
	return t, nil
}

// originOf is a URL without its path and query, which addServer takes.
func originOf(url string) string {
	origin, _ := splitURL(url)
	return origin
}

func splitURL(url string) (origin, path string) {
	start := strings.Index(url, "://")
	if start < 0 {
		return url, ""
	}
	start += len("://")
	if end := strings.IndexAny(url[start:], "/?#"); end >= 0 {
		return url[:start+end], url[start+end:]
	}
	return url, ""
}

// addServer takes the path and the query of a server's URL.
func (q *requests) addServer(url string) error {
	origin, path := splitURL(url)
	if _, _, err := engine.ParseURL(origin); err != nil {
		return fmt.Errorf("Swarm.servers: %w", err)
	}
	if strings.Contains(path, "#") {
		return fmt.Errorf("Swarm.servers: %s: want no fragment (RFC 6455 section 3)", origin)
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	t, err := compile(path, q.variables)
	if err != nil {
		return fmt.Errorf("Swarm.servers: %s: %w", origin, err)
	}
	q.paths = append(q.paths, t)
	return nil
}

// userAgent is the header of k6's option of that name. Without --user-agent that
// has a value too, k6's own, although it is not Valid then.
const userAgent = "User-Agent"

func isUserAgent(name string) bool { return strings.EqualFold(name, userAgent) }

// setUserAgent adds that header, unless the script has one or it is empty.
func (q *requests) setUserAgent(agent string) {
	if agent != "" && !slices.ContainsFunc(q.fields, func(f field) bool { return isUserAgent(f.name) }) {
		q.fields = append(q.fields, field{userAgent, template{{literal: agent}}})
	}
}

// check tries the first connection's request, so that a header that cannot be
// sent is told before any connection.
func (q *requests) check() error {
	r := handshake.Request{Host: "localhost"}
	q.fill(0, &r)
	if _, err := r.Append(nil, handshake.Key{}); err != nil {
		return fmt.Errorf("Swarm: %w", err)
	}
	return nil
}

// fill makes the request of a connection.
func (q *requests) fill(connection int, r *handshake.Request) {
	r.Path = q.render(q.paths[connection%len(q.paths)], connection, percentEncoded)
	r.Protocols = q.protocols
	for _, f := range q.fields {
		r.Fields = append(r.Fields, handshake.Field{Name: f.name, Value: q.render(f.value, connection, asItIs)})
	}
	if len(q.cookies) > 0 {
		pairs := make([]string, len(q.cookies))
		for i, c := range q.cookies {
			pairs[i] = c.name + "=" + q.render(c.value, connection, percentEncoded)
		}
		r.Fields = append(r.Fields, handshake.Field{Name: "Cookie", Value: strings.Join(pairs, "; ")})
	}
}

func (q *requests) render(t template, connection int, encode func(string) string) string {
	switch {
	case len(t) == 0:
		return ""
	case len(t) == 1 && t[0].variable == "":
		return t[0].literal
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.literal)
		if p.variable != "" {
			b.WriteString(encode(q.value(p.variable, connection)))
		}
	}
	return b.String()
}

func (q *requests) value(name string, connection int) string {
	if name == connectionVariable {
		return strconv.Itoa(connection)
	}
	v := q.variables[name]
	if v.users != nil {
		return v.users.Value(connection, v.column)
	}
	if len(v.list) > 0 {
		return v.list[connection%len(v.list)]
	}
	return q.render(v.text, connection, asItIs)
}

func asItIs(s string) string { return s }

// percentEncoded is what encodeURIComponent makes of s.
func percentEncoded(s string) string {
	const kept = "-_.!~*'()"
	clean := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(kept, c) >= 0
	}
	var b strings.Builder
	for i := range len(s) {
		if clean(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

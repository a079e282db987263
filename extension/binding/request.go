package binding

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"xk6-realtime/engine"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/percent"
	"xk6-realtime/users"
)

// connectionVariable is the number of the connection, from 0 within the run.
const connectionVariable = "connection"

// tokenVariable is what connections authenticate with.
const tokenVariable = "token"

var variableName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// requests makes the handshake of each connection. lib/request.ts makes those
// of connections that a script opens one by one, by the same rules: the table
// lib/request-fixtures.json holds both to them.
type requests struct {
	offer
	publishers     *offer // of connections that only publish; nil where it is the same
	publishersFrom int    // the first of them
	publications   *offer // where those by HTTP go; nil for the connections' servers
	fields         []field
	variables      map[string]variable
	columns        []string     // variables of users and of logins, which a protocol may name
	logins         *loginValues // nil where no logins come first
	shards         int
	isStream       bool // of events, not a WebSocket's handshake
	isHTTP2        bool
}

// offer is where connections go, and the subprotocols that they offer there.
type offer struct {
	servers   []server
	paths     []template // by server
	protocols []template
}

// at is the number of a connection's server.
func (o *offer) at(connection int) int { return connection % len(o.servers) }

// origins are the servers without their paths.
func (o *offer) origins() (urls []string) {
	for _, s := range o.servers {
		urls = append(urls, s.origin)
	}
	return urls
}

// addServer takes the path and the query of a server's URL.
func (o *offer) addServer(url, of string, known map[string]variable) (s server, err error) {
	if s, err = parseServer(url); err == nil {
		err = o.addPath(s, known)
	}
	if err != nil {
		return s, fmt.Errorf("%s.servers: %w", of, err)
	}
	return s, nil
}

func (o *offer) addPath(s server, known map[string]variable) error {
	t, err := compile(s.path, known)
	if err != nil {
		return fmt.Errorf("%s: %w", s.origin, err)
	}
	o.servers, o.paths = append(o.servers, s), append(o.paths, t)
	return nil
}

// offerOf is a connection's.
func (q *requests) offerOf(connection int) *offer {
	if q.publishers != nil && connection >= q.publishersFrom {
		return q.publishers
	}
	return &q.offer
}

// elsewhere is for [swarm.Options].
func (q *requests) elsewhere(connection int) *engine.Endpoint {
	o := q.offerOf(connection)
	if o != q.publishers {
		return nil
	}
	return &o.servers[o.at(connection)].endpoint
}

// field is a header field.
type field struct {
	name  string
	value template
	// encode writes a variable where it stands in value.
	encode func(string) string
}

func newField(name string, value template) field {
	if strings.EqualFold(name, "Cookie") {
		return field{name, value, cookieValue}
	}
	return field{name, value, asItIs}
}

// variable has a value for each connection: a column of users, an element of
// list, what a login gave, or text.
type variable struct {
	users  *users.Users
	column int
	list   []string
	logins *loginValues // with column
	text   template
}

// template is text with variables in it.
type template []part

// part is a literal, or the variable of that name, or both.
type part struct{ literal, variable string }

// errNoVariable does not quote the text, which may be a secret.
var errNoVariable = errors.New(`want "${" only where a variable such as ${user} begins`)

func compile(text string, known map[string]variable) (t template, err error) {
	for {
		literal, rest, found := strings.Cut(text, "${")
		if !found {
			break
		}
		name, rest, closed := strings.Cut(rest, "}")
		if !closed || !variableName.MatchString(name) {
			return nil, errNoVariable
		}
		if _, ok := known[name]; !ok && name != connectionVariable && name != vuVariable {
			return nil, fmt.Errorf("unknown variable %q, expected a name in variables, %s or %s", name, connectionVariable, vuVariable)
		}
		t = append(t, part{literal, name})
		text = rest
	}
	if text != "" {
		t = append(t, part{literal: text})
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

// server is the URL of one.
type server struct {
	origin   string
	endpoint engine.Endpoint
	isStream bool   // of events, not a WebSocket's
	path     string // with the query; variables may stand in both
}

// parseServer takes a server's URL. Its errors show the origin alone: a token may
// stand in the rest.
func parseServer(url string) (s server, err error) {
	s.origin, s.path = splitURL(url)
	if s.endpoint, _, s.isStream, err = engine.ParseServer(s.origin); err != nil {
		return s, err
	}
	if strings.Contains(s.path, "#") {
		return s, fmt.Errorf("%s: want no fragment (RFC 6455 section 3)", s.origin)
	}
	if !strings.HasPrefix(s.path, "/") {
		s.path = "/" + s.path
	}
	return s, nil
}

// addServer takes a server's URL.
func (q *requests) addServer(url string) error {
	s, err := q.offer.addServer(url, "Swarm", q.variables)
	q.isStream = s.isStream
	return err
}

// userAgent is the header of k6's option of that name. Without --user-agent that
// has a value too, k6's own, although it is not Valid then.
const userAgent = "User-Agent"

func isUserAgent(name string) bool { return strings.EqualFold(name, userAgent) }

// setUserAgent adds that header, unless the script has one or it is empty.
func (q *requests) setUserAgent(agent string) {
	if agent != "" {
		q.setDefault(userAgent, agent)
	}
}

// setDefault adds a header, unless the script has one of that name.
func (q *requests) setDefault(name, value string) {
	if !slices.ContainsFunc(q.fields, func(f field) bool { return strings.EqualFold(f.name, name) }) {
		q.fields = append(q.fields, newField(name, template{{literal: value}}))
	}
}

// check tries the requests, so that a header that cannot be sent is told before
// any connection: the first connection's, and each value that stands in others.
func (q *requests) check(of string) error {
	first := []int{0}
	if q.publishers != nil {
		first = append(first, q.publishersFrom)
	}
	for _, connection := range first {
		r := handshake.Request{Host: "localhost"}
		q.fill(connection, &r)
		if err := try(&r, q.isStream, q.isHTTP2); err != nil {
			return fmt.Errorf("%s: %w", of, err)
		}
	}
	for _, f := range q.fields {
		for _, p := range f.value {
			at := slices.IndexFunc(q.variables[p.variable].list, func(value string) bool {
				return !handshake.IsFieldValue(f.encode(value))
			})
			if at >= 0 {
				return fmt.Errorf("%s.headers.%s: element %d of the variable %s has control characters", of, f.name, at, p.variable)
			}
		}
	}
	return nil
}

// try tells why a request cannot be sent.
func try(r *handshake.Request, isStream, isHTTP2 bool) (err error) {
	switch {
	case isStream && isHTTP2:
		_, err = r.AppendStreamFields(nil, false)
	case isStream:
		_, err = r.AppendStream(nil)
	case isHTTP2:
		_, err = r.AppendFields(nil, false)
	default:
		_, err = r.Append(nil, handshake.Key{})
	}
	return err
}

// fill makes the request of a connection.
func (q *requests) fill(connection int, r *handshake.Request) {
	o := q.offerOf(connection)
	if r.Path = q.logins.at(connection).path; r.Path == "" {
		r.Path = q.render(o.paths[o.at(connection)], connection, percentEncoded)
	}
	r.Protocols = r.Protocols[:0]
	for _, name := range o.protocols {
		if offer := q.render(name, connection, asItIs); offer != "" {
			r.Protocols = append(r.Protocols, offer)
		}
	}
	for _, f := range q.fields {
		r.Fields = appendField(r.Fields, f.name, q.render(f.value, connection, f.encode))
	}
}

// appendField appends a field as net/http writes it: spaces around a value do not belong to it,
// and an empty User-Agent is left out.
func appendField(fields []handshake.Field, name, value string) []handshake.Field {
	value = strings.Trim(value, " \t")
	if value == "" && isUserAgent(name) {
		return fields
	}
	return append(fields, handshake.Field{Name: name, Value: value})
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
	switch name {
	case connectionVariable:
		return strconv.Itoa(connection)
	case vuVariable:
		return strconv.Itoa(connection%max(q.shards, 1) + 1) // as shards are cut
	}
	v := q.variables[name]
	if v.users != nil {
		return v.users.Value(connection, v.column)
	}
	if v.logins != nil {
		return v.logins.at(connection).values[v.column]
	}
	if len(v.list) > 0 {
		return v.list[connection%len(v.list)]
	}
	return q.render(v.text, connection, asItIs)
}

func asItIs(s string) string { return s }

// percentEncoded is what encodeURIComponent makes of s.
func percentEncoded(s string) string { return string(percent.Append(nil, s, percent.IsUnreserved)) }

// cookieValue percent-encodes what cannot stand in a cookie's value, and no more:
// not every server decodes.
func cookieValue(s string) string { return string(percent.Append(nil, s, percent.IsCookieOctet)) }

package echobench

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"xk6-realtime/engine"
)

// Spec is a spec file: which servers, and what to measure of each.
type Spec struct {
	Servers  []Server
	Testsets []Testset
}

// Server is one server to measure.
type Server struct {
	Name string
	URI  string
	// PID is the server's process on this machine, 0 for none: its processor time
	// and memory are shown.
	PID int

	endpoint engine.Endpoint
	path     string
}

// Testset is cases whose rows go into one table.
type Testset struct {
	// Outfile gets the table. Default: the table is only shown.
	Outfile string
	// Digits is to how many decimal places microseconds are rounded.
	Digits int
	// Sep separates the columns of Outfile.
	Sep string
	// RTTs adds every round trip to its row.
	RTTs bool
	// Quantiles is how many quantiles a row has.
	Quantiles int
	Cases     []Case
}

// Case is one row for each server.
type Case struct {
	// Handshakes are measured in place of echoes: connections are opened and closed.
	Handshakes bool
	// Count is how many messages all connections together send, or how many
	// handshakes there are.
	Count int
	// Size is a message's length in bytes.
	Size int
	// Timeout bounds the case, from its first message.
	Timeout time.Duration
	// Binary messages, or text.
	Binary bool
	// Verify holds each echo's content to its message; without it only the length.
	Verify bool
	// Connections is how many connections send, in turn.
	Connections int
	// Depth is how many messages of a connection are under way at most; 0 for all
	// of them.
	Depth int
	// Rate is an open load: so many messages a second of all connections together,
	// whether or not the last echo came. 0: a message follows an echo.
	Rate float64
}

// Mode names how messages follow each other.
func (c *Case) Mode() string {
	switch {
	case c.Handshakes:
		return "handshake"
	case c.Rate > 0:
		return "open"
	case c.Depth == 1:
		return "sync"
	}
	return "pipelined"
}

// Limits of a spec file.
const (
	mostCount       = 10_000_000
	mostSize        = 16 << 20
	mostConnections = 10_000
	mostQuantiles   = 1_000
	mostRate        = 1_000_000
	mostSeconds     = 1_000_000
)

//go:embed template.json
var template []byte

// Template is a spec file to begin with.
func Template() []byte { return bytes.Clone(template) }

// ReadSpec reads a spec file for so many instances, and returns its text beside
// it.
func ReadSpec(path string, instances int) (*Spec, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	s, err := ParseSpec(data, instances)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, data, nil
}

// ParseSpec reads the content of a spec file, for so many instances that share each case. The
// error names the field, the expected value and the actual one.
func ParseSpec(data []byte, instances int) (*Spec, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, notJSON(data, err)
	}
	if d.More() {
		return nil, fmt.Errorf("expected one JSON object, and more follows it on line %d", lineOf(data, d.InputOffset()))
	}
	r := &reader{instances: instances}
	top := r.object("", v, "options", "servers", "testsets")
	r.object("options", top["options"], "debug")
	s := &Spec{Servers: r.servers(top["servers"])}
	for i, t := range r.list("testsets", top["testsets"]) {
		s.Testsets = append(s.Testsets, r.testset(fmt.Sprintf("testsets[%d]", i), t))
	}
	return s, r.err
}

func notJSON(data []byte, err error) error {
	var wrong *json.SyntaxError
	if errors.As(err, &wrong) {
		return fmt.Errorf("expected a spec file in JSON, and line %d is not: %w", lineOf(data, wrong.Offset), err)
	}
	return fmt.Errorf("expected a spec file in JSON: %w", err)
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
}

func (r *reader) servers(v any) (servers []Server) {
	for i, one := range r.list("servers", v) {
		at := fmt.Sprintf("servers[%d]", i)
		o := r.object(at, one, "name", "uri", "desc", "pid")
		s := Server{URI: r.text(at+".uri", o["uri"], ""), PID: r.whole(at+".pid", o["pid"], 0, 1, 1<<31-1)}
		r.text(at+".desc", o["desc"], "-")
		var err error
		if s.endpoint, s.path, err = engine.ParseURL(s.URI); err != nil && r.err == nil {
			// As it stands there may be a secret in it, which this error leaves out.
			r.err = fmt.Errorf("%s.uri: expected a URL such as ws://127.0.0.1:9001: %s", at, strings.TrimPrefix(err.Error(), "engine: "))
		}
		s.Name = r.text(at+".name", o["name"], s.endpoint.Authority)
		servers = append(servers, s)
	}
	return servers
}

// caseFields are the fields of a case. In the testset's options they hold for all cases.
var caseFields = []string{"count", "size", "timeout", "binary", "sync", "verify", "connections", "depth", "rate"}

// handshakeFields are those of them that a case of handshakes has.
var handshakeFields = []string{"count", "timeout", "connections", "rate"}

func (r *reader) testset(at string, v any) Testset {
	o := r.object(at, v, "mode", "options", "cases")
	fields := caseFields
	switch o["mode"] {
	case "echo":
	case "handshake":
		fields = handshakeFields
	default:
		r.fail(at+".mode", `"echo" or "handshake"`, o["mode"])
	}
	options := r.object(at+".options", o["options"], append([]string{"outfile", "digits", "sep", "rtts", "quantile_count"}, fields...)...)
	at += ".options"
	t := Testset{
		Outfile:   r.text(at+".outfile", options["outfile"], "-"),
		Digits:    r.whole(at+".digits", options["digits"], 0, 0, 9),
		Sep:       r.text(at+".sep", options["sep"], "\t"),
		RTTs:      r.flag(at+".rtts", options["rtts"], false),
		Quantiles: r.whole(at+".quantile_count", options["quantile_count"], 10, 1, mostQuantiles),
	}
	if t.Outfile == "-" {
		t.Outfile = ""
	}
	at = at[:len(at)-len(".options")]
	for i, c := range r.list(at+".cases", o["cases"]) {
		t.Cases = append(t.Cases, r.testCase(at, i, c, options, fields))
	}
	return t
}

func (r *reader) testCase(testset string, i int, v any, options map[string]any, fields []string) Case {
	at := fmt.Sprintf("%s.cases[%d]", testset, i)
	o := r.object(at, v, fields...)
	handshakes := !slices.Contains(fields, "size")
	// A case's own value goes before that of the testset's options.
	field := func(name string) (where string, value any) {
		if value, ok := o[name]; ok {
			return at + "." + name, value
		}
		if value, ok := options[name]; ok {
			return testset + ".options." + name, value
		}
		return at + "." + name, nil
	}
	whole := func(name string, otherwise, least, most int) int {
		where, value := field(name)
		return r.whole(where, value, otherwise, least, most)
	}
	flag := func(name string, otherwise bool) bool {
		where, value := field(name)
		return r.flag(where, value, otherwise)
	}
	least := required
	if handshakes {
		least = 0 // there is no message
	}
	where, value := field("rate")
	rate := r.number(where, value, 0, 0.001, mostRate)
	connections := r.instances // each has one
	if handshakes && rate > 0 {
		connections = 1 // it stands for none
	}
	c := Case{
		Handshakes:  handshakes,
		Count:       whole("count", required, 1, mostCount),
		Size:        whole("size", least, 0, mostSize),
		Binary:      flag("binary", true),
		Verify:      flag("verify", false),
		Connections: whole("connections", connections, 1, mostConnections),
		Depth:       whole("depth", 0, 1, mostCount),
		Rate:        rate,
	}
	if c.Rate > 0 && c.Depth > 0 {
		r.fail(where, "no rate beside depth: an open load does not wait for echoes", value)
	}
	if where, value := field("connections"); handshakes && c.Rate > 0 && c.Connections > 1 {
		r.fail(where, "no connections beside the rate of handshakes: it does not wait for any", value)
	}
	where, value = field("timeout")
	c.Timeout = time.Duration(r.number(where, value, 60, 0.001, mostSeconds) * float64(time.Second))
	if !handshakes && flag("sync", true) && c.Depth == 0 && c.Rate == 0 {
		c.Depth = 1
	}
	if where, value := field("connections"); r.err == nil && c.Connections > c.Count {
		r.fail(where, fmt.Sprintf("no more connections than the count, %d", c.Count), value)
	} else if c.Connections < connections {
		r.fail(where, fmt.Sprintf("a connection for each of the %d instances at least", r.instances), value)
	}
	return c
}

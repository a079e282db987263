package binding

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/swarm"
)

// given is a good set of options, as a script's object comes, with changes;
// nil removes one.
func given(changes map[string]any) map[string]any {
	o := map[string]any{"servers": []any{"ws://127.0.0.1:1/chat"}, "connections": int64(10), "rate": int64(5)}
	maps.Copy(o, changes)
	for name, value := range o {
		if value == nil {
			delete(o, name)
		}
	}
	return o
}

func TestOptionsAreRead(t *testing.T) {
	o, err := readOptions(given(map[string]any{
		"rate": nil, "batchSize": int64(4), "batchDelayMs": 250.5, "retries": int64(-1), "retryDelayMs": int64(20),
		"shards": int64(3), "holdMs": int64(1500), "sources": []any{"127.0.0.2", "::1"},
		"timeouts": map[string]any{"upgradeMs": int64(700)}, "onExhausted": "continue",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if pace := (swarm.Batches{Size: 4, Delay: 250500 * time.Microsecond}); o.swarm.Pace != pace {
		t.Errorf("pace %+v, want %+v", o.swarm.Pace, pace)
	}
	if s := o.swarm; s.Retries != -1 || s.RetryDelay != 20*time.Millisecond || s.Shards != 3 || s.Hold != 1500*time.Millisecond ||
		len(s.Sources) != 2 || s.OnExhausted != swarm.Continue || s.Servers[0] != "ws://127.0.0.1:1" {
		t.Errorf("%+v", s)
	}
	if o.timeouts.Upgrade != 700*time.Millisecond || o.timeouts.TCP != 0 {
		t.Errorf("timeouts %+v", o.timeouts)
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	object := func(fields ...any) map[string]any {
		m := map[string]any{}
		for ; len(fields) > 0; fields = fields[2:] {
			m[fields[0].(string)] = fields[1]
		}
		return m
	}
	probes := func(fields ...any) map[string]any {
		good := object("intervalMs", int64(100), "forMs", int64(1000), "protocol", object("name", "echo",
			"probe", object("send", "${id}"), "reply", []any{object("name", "echo", "match", "whole")}))
		maps.Copy(good, object(fields...))
		return good
	}
	rooms := func(fields ...any) map[string]any {
		good := object("forMs", int64(1), "protocol", object("name", "rooms", "publish", object("send", "${id}"),
			"delivery", object("where", object("/t", "m"), "id", "/id")))
		maps.Copy(good, object(fields...))
		return good
	}
	tests := []struct {
		name    string
		changes map[string]any
		want    string
	}{
		{"an unknown option", object("conections", int64(1)), "Swarm.conections: unknown option, expected one of servers, connections"},
		{"a header that HTTP/2 has none of", object("httpVersion", "2", "headers", object("Keep-Alive", "timeout=5")), `Swarm: header "Keep-Alive" cannot stand in HTTP/2`},
		{"such a header for an event stream", map[string]any{"servers": []any{"http://127.0.0.1:1/"}, "connections": int64(1), "rate": int64(1), "httpVersion": "2",
			"headers": object("Keep-Alive", "timeout=5")}, `Swarm: header "Keep-Alive" cannot stand in HTTP/2`},
		{"no connections", object("connections", nil), "Swarm.connections: expected a whole number from 1 to 1000000, got nothing"},
		{"half a connection", object("connections", 1.5), "got 1.5"},
		{"a text for a number", object("connections", "10"), `got "10"`},
		{"no servers", object("servers", []any{}), "Swarm.servers: expected at least one URL"},
		{"one server without a list", object("servers", "ws://x"), "Swarm.servers: expected a list of texts"},
		{"an ftp server", object("servers", []any{"ftp://x"}), "want ws:// or wss://"},
		{"a fragment", object("servers", []any{"ws://x/#a"}), "want no fragment"},
		{"a rate and batches", object("batchSize", int64(3)), "Swarm.rate: expected either rate or batchSize, got"},
		{"no pace", object("rate", nil), "Swarm.rate: expected rate or batchSize"},
		{"a delay without batches", object("batchDelayMs", int64(3)), "Swarm.batchDelayMs: expected nothing beside rate"},
		{"a rate of 0", object("rate", int64(0)), "Swarm.rate: expected a number from 0.001 to 1e+06, got 0"},
		{"a negative hold", object("holdMs", int64(-1)), "Swarm.holdMs: expected a number from 0"},
		{"a hold that is no number", object("holdMs", "1s"), `Swarm.holdMs: expected a number from 0 to 3.1536e+10, got "1s"`},
		{"retries below -1", object("retries", int64(-2)), "Swarm.retries"},
		{"a source that is no address", object("sources", []any{"lo"}), `Swarm.sources: expected IP addresses of this machine, got "lo"`},
		{"another policy", object("onExhausted", "shrink"), `Swarm.onExhausted: expected fail or continue, got "shrink"`},
		{"an unknown time-out", object("timeouts", object("tcp", int64(1))), "Swarm.timeouts.tcp: unknown option, expected one of resolveMs"},
		{"a time-out of 0", object("timeouts", object("tcpMs", int64(0))), "Swarm.timeouts.tcpMs: expected a number from 1"},
		{"an unknown variable in a path", object("servers", []any{"ws://x/?room=${room}"}), `unknown variable "room"`},
		{"an unknown variable in a header", object("headers", object("X", "${who}")), `Swarm.headers.X: unknown variable "who"`},
		{"a variable of the engine's own name", object("variables", object("connection", "x")), "Swarm.variables.connection"},
		{"a variable of k6's own name", object("variables", object("vu", "x")), "Swarm.variables.vu"},
		{"a variable that does not end", object("headers", object("X", "${secret")), `Swarm.headers.X: want "${" only where`},
		{"a header twice", object("headers", object("X-A", "1", "x-a", "2")), "Swarm.headers: expected each header once, whatever the case of its name, got X-A and x-a"},
		{"a value of a list that breaks out of its line", object("headers", object("X", "${who}"), "variables", object("who", []any{"a", "b\r\nS: secret"})),
			"Swarm.headers.X: element 1 of the variable who"},
		{"a header of the handshake", object("headers", object("Upgrade", "x")), `header "Upgrade" is set by the handshake itself`},
		{"a header that breaks out of its line", object("headers", object("X", "a\r\nS: secret")), "header X"},
		{"probes without an interval", object("probing", probes("intervalMs", nil)), "Swarm.probing.intervalMs: expected a time, got nothing"},
		{"probes without end", object("probing", probes("forMs", nil)), "Swarm.probing.forMs: expected a time, got nothing"},
		{"an interval below 1 ms", object("probing", probes("intervalMs", 0.5)), "Swarm.probing.intervalMs: expected a number from 1"},
		{"a payload of a negative size", object("probing", probes("payloadBytes", int64(-1))), "Swarm.probing.payloadBytes: expected a whole number from 0"},
		{"an unknown option of probes", object("probing", probes("every", int64(1))), "Swarm.probing.every: unknown option, expected one of protocol, authenticate, intervalMs"},
		{"a back-off capped below its base", object("probing", probes("backoffBaseMs", int64(20), "backoffCapMs", int64(10))),
			"Swarm.probing.backoffCapMs: expected at least backoffBaseMs, 20, got 10"},
		{"a protocol that is none", object("probing", probes("protocol", int64(1))), "Swarm.probing.protocol: expected a descriptor"},
		{"a protocol without a probe", object("probing", probes("protocol", object("name", "mute"))), `Swarm.probing.protocol: expected one with a probe, got "mute"`},
		{"a protocol whose variable is not given", object("probing", probes("protocol", object("name", "own", "path", "/${room}",
			"probe", object("send", "${id}"), "reply", []any{object("name", "r", "match", "whole")}))), `Swarm.variables: expected "room"`},
		{"probes beside a fan-out", object("probing", probes(), "fanOut", rooms()),
			"Swarm.probing: expected nothing beside fanOut, got both"},
		{"publishers within the protocol", object("fanOut", rooms("protocol", object("name", "rooms", "publisher", object()))),
			"Swarm.fanOut.protocol: publisher: want a descriptor of its own"},
		{"publishers that publish nothing", object("fanOut", rooms("publisher", object("servers", []any{"ws://a/pub"}, "protocol", object("name", "mute")))),
			`want one with a publish message, got "mute"`},
		{"publishers without a server", object("fanOut", rooms("publisher", object("protocol", object("name", "mute")))),
			"Swarm.fanOut.publisher.servers: expected at least one URL, got \"none\""},
		{"publishers on event streams", object("fanOut", rooms("publisher", object("servers", []any{"http://a/?t=secret"}, "protocol", object("name", "mute")))),
			`Swarm.fanOut.publisher.servers: expected URLs of WebSockets, got "http://a"`},
		{"publications to no HTTP server", object("fanOut", rooms("publishUrls", []any{"ws://a/?t=secret"})),
			"Swarm.fanOut.publishUrls: ws://a: want http:// or https://"},
		{"publications with a variable that is not given", object("fanOut", rooms("publishUrls", []any{"http://a/${nobody}"})),
			`Swarm.fanOut.publishUrls: http://a: unknown variable "nobody"`},
		{"publishers with a variable that is not given", object("fanOut", rooms("publisher", object("servers", []any{"ws://a/${nobody}"}, "protocol", object("name", "mute")))),
			`Swarm.fanOut.publisher.servers: ws://a: unknown variable "nobody"`},
		{"an unknown option of publishers", object("fanOut", rooms("publisher", object("servers", []any{"ws://a"}, "protocol", object("name", "mute"), "path", "/"))),
			"Swarm.fanOut.publisher.path: unknown option, expected one of servers, subprotocols, protocol"},
		{"a subprotocol that is none", object("subprotocols", []any{"a b"}), `subprotocol "a b"`},
	}
	for _, test := range tests {
		_, err := readOptions(given(test.changes))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
	if _, err := readOptions(nil); err == nil || !strings.Contains(err.Error(), "an object of options") {
		t.Errorf("no options: error %v", err)
	}
}

func TestEachConnectionAsksForItself(t *testing.T) {
	o, err := readOptions(given(map[string]any{
		"servers":      []any{"ws://a.example/chat?room=${room}&n=${connection}", "wss://b.example:8443"},
		"headers":      map[string]any{"Authorization": "Bearer ${token}", "Cookie": "app=1; sid=${token}"},
		"subprotocols": []any{"v1"},
		"variables": map[string]any{
			"room": []any{"a b", "c&d", "é"}, "token": []any{"t=0", "t=1"}, "user": "user-${connection}",
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		connection          int
		path, token, cookie string
	}{
		{0, "/chat?room=a%20b&n=0", "Bearer t=0", "app=1; sid=t=0"},
		{1, "/", "Bearer t=1", "app=1; sid=t=1"},
		{2, "/chat?room=%C3%A9&n=2", "Bearer t=0", "app=1; sid=t=0"},
		{4, "/chat?room=c%26d&n=4", "Bearer t=0", "app=1; sid=t=0"},
	}
	for _, test := range tests {
		var r handshake.Request
		o.request.fill(test.connection, &r)
		if r.Path != test.path || r.Fields[0].Value != test.token || r.Fields[1].Value != test.cookie || r.Protocols[0] != "v1" {
			t.Errorf("connection %d: %+v, want %+v", test.connection, r, test)
		}
	}
	if user := o.request.value("user", 7); user != "user-7" {
		t.Errorf("user %q, want user-7", user)
	}
}

func TestPublishersAskForTheirOwnPath(t *testing.T) {
	object := func(fields ...any) map[string]any {
		m := map[string]any{}
		for ; len(fields) > 0; fields = fields[2:] {
			m[fields[0].(string)] = fields[1]
		}
		return m
	}
	hears := object("name", "hears", "delivery", object("where", object("/t", "m"), "id", "/id"))
	speaks := object("name", "speaks", "publish", object("send", "${id} ${room}"))
	o, err := readOptions(map[string]any{
		"servers": []any{"ws://a/sub/${room}", "ws://b/other/${room}"}, "connections": int64(4), "rate": int64(1),
		"variables": object("room", []any{"r0", "r1"}, "who", "w${connection}"), "subprotocols": []any{"v1"},
		"fanOut": object("forMs", int64(1), "rooms", int64(2), "publishers", int64(2), "protocol", hears, "publisher",
			object("servers", []any{"ws://a/pub/${room}", "ws://b/more/${who}"}, "subprotocols", []any{"p1"}, "protocol", speaks)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for connection, want := range []string{"/sub/r0 [v1]", "/other/r1 [v1]", "/sub/r0 [v1]", "/other/r1 [v1]", "/pub/r0 [p1]", "/more/w5 [p1]"} {
		var r handshake.Request
		o.request.fill(connection, &r)
		if got := fmt.Sprint(r.Path, " ", r.Protocols); got != want {
			t.Errorf("connection %d asks for %s, want %s", connection, got, want)
		}
	}
}

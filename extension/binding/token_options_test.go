package binding

import (
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/handshake"
)

func tokenFields(changes ...any) map[string]any {
	fields := map[string]any{
		"server": "https://llm.example.com/v1/chat?x=1", "bodies": []any{`{"n":"${request}"}`, `{}`},
		"format": map[string]any{"content": []any{"/data/text"}, "done": map[string]any{"where": map[string]any{"/data": "[DONE]"}}},
		"rate":   int64(20), "forMs": int64(5000), "shards": int64(2),
		"headers": map[string]any{"Authorization": "Bearer ${token}"}, "variables": map[string]any{"token": []any{"a", "b"}},
	}
	for ; len(changes) > 1; changes = changes[2:] {
		if name := changes[0].(string); changes[1] == nil {
			delete(fields, name)
		} else {
			fields[name] = changes[1]
		}
	}
	return fields
}

func TestTokenOptions(t *testing.T) {
	o, err := readTokenOptions(tokenFields())
	if err != nil {
		t.Fatal(err)
	}
	e := o.tokens.Endpoint
	if !o.tokens.EventStream || e.Host != "llm.example.com" || e.Port != 443 || !e.Secure || o.tokens.Rate != 20 || o.tokens.For != 5*time.Second || o.tokens.Shards != 2 {
		t.Errorf("%+v", o.tokens)
	}
	for n, want := range []struct{ body, key string }{{`{"n":"0"}`, "a"}, {`{}`, "b"}, {`{"n":"2"}`, "a"}} {
		r := handshake.Request{Host: e.Authority}
		o.request.fill(n, &r)
		if got := string(o.bodies[n%len(o.bodies)].fill(n)); got != want.body {
			t.Errorf("body %d is %s, want %s", n, got, want.body)
		}
		r.Method = "POST"
		head, err := r.AppendStream(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"POST /v1/chat?x=1 HTTP/1.1", "Authorization: Bearer " + want.key, "Content-Type: application/json"} {
			if !strings.Contains(string(head), line+"\r\n") {
				t.Errorf("request %d lacks %q:\n%s", n, line, head)
			}
		}
	}
}

func TestWrongTokenOptionsAreRefused(t *testing.T) {
	for _, row := range []struct {
		sentence string
		changes  []any
		says     string
	}{
		{"no server", []any{"server", nil}, "TokenStreams.server: expected a text"},
		{"another scheme", []any{"server", "ftp://x"}, "TokenStreams.server"},
		{"no bodies", []any{"bodies", []any{}}, "TokenStreams.bodies: expected at least one text"},
		{"no load", []any{"rate", nil}, "TokenStreams.rate: expected either rate or concurrency"},
		{"two loads", []any{"concurrency", int64(3)}, "TokenStreams.rate: expected either rate or concurrency"},
		{"no time", []any{"forMs", nil}, "TokenStreams.forMs: expected a time"},
		{"a format without content", []any{"format", map[string]any{}}, "TokenStreams.format.content"},
		{"a format with an unknown field", []any{"format", map[string]any{"contents": []any{}}}, `unknown field "contents"`},
		{"a limit that is negative", []any{"good", map[string]any{"wholeMs": int64(-1)}}, "TokenStreams.good.wholeMs"},
		{"a header that the request sets itself", []any{"headers", map[string]any{"Content-Length": "5"}}, `TokenStreams: header "Content-Length" is set by the request itself`},
		{"a key with a line end", []any{"variables", map[string]any{"token": []any{"a", "b\r\nX: y"}}}, "TokenStreams.headers.Authorization: element 1 of the variable token has control characters"},
		{"an unknown option", []any{"rates", int64(1)}, "TokenStreams.rates: unknown option"},
	} {
		if _, err := readTokenOptions(tokenFields(row.changes...)); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want %q", row.sentence, err, row.says)
		}
	}
}

package binding

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"xk6-realtime/engine/handshake"
)

// The table that lib/request.ts passes too.
const requestFixtures = "../../lib/request-fixtures.json"

type requestFixture struct {
	Sentence string
	// In is "url", or the name of a header.
	In        string
	Template  string
	Variables map[string]string
	Expanded  string
}

func TestRequestsAreThoseOfTheTable(t *testing.T) {
	text, err := os.ReadFile(requestFixtures)
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Requests, Refused []requestFixture }
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Requests) == 0 || len(table.Refused) == 0 {
		t.Fatal("the table is empty")
	}
	for _, f := range table.Requests {
		if got, err := f.fill(); err != nil || got != f.Expanded {
			t.Errorf("%s: %s: got %q (%v), want %q", f.In, f.Sentence, got, err, f.Expanded)
		}
	}
	for _, f := range table.Refused {
		if got, err := f.fill(); err == nil {
			t.Errorf("%s: %s: got %q, want it refused", f.In, f.Sentence, got)
		}
	}
}

// fill is what the connection asks for, by that template.
func (f requestFixture) fill() (string, error) {
	connection := 0
	variables := map[string]any{}
	for name, value := range f.Variables {
		if name == connectionVariable {
			connection, _ = strconv.Atoi(value)
		} else {
			variables[name] = []any{value}
		}
	}
	changes := map[string]any{"variables": variables}
	switch f.In {
	case "url":
		changes["servers"] = []any{f.Template}
	case "subprotocol":
		changes["subprotocols"] = []any{f.Template}
	default:
		changes["headers"] = map[string]any{f.In: f.Template}
	}
	o, err := readOptions(given(changes))
	if err != nil {
		return "", err
	}
	var r handshake.Request
	o.request.fill(connection, &r)
	switch {
	case f.In == "url":
		return originOf(f.Template) + r.Path, nil
	case f.In == "subprotocol" && len(r.Protocols) == 0:
		return "none", nil
	case f.In == "subprotocol":
		return r.Protocols[0], nil
	}
	return r.Fields[0].Value, nil
}

func TestAnEmptyUserAgentIsNone(t *testing.T) {
	o, err := readOptions(given(map[string]any{"headers": map[string]any{"user-agent": ""}}))
	if err != nil {
		t.Fatal(err)
	}
	o.request.setUserAgent("k6")
	var r handshake.Request
	if o.request.fill(0, &r); len(r.Fields) != 0 {
		t.Errorf("got %v, want no User-Agent: the script leaves it out", r.Fields)
	}
}

func TestTheVirtualUserIsTheShards(t *testing.T) {
	o, err := readOptions(given(map[string]any{"shards": int64(3), "servers": []any{"ws://h/${vu}"}}))
	if err != nil {
		t.Fatal(err)
	}
	for connection, path := range []string{"/1", "/2", "/3", "/1"} {
		var r handshake.Request
		if o.request.fill(connection, &r); r.Path != path {
			t.Errorf("connection %d: path %s, want %s", connection, r.Path, path)
		}
	}
}

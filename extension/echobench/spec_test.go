package echobench

import (
	"strings"
	"testing"
	"time"
)

// seed is a spec file as the older suite writes it.
const seed = `{
   "options": {"debug": false},
   "servers": [{"name": "one", "uri": "ws://127.0.0.1:9001", "desc": "on localhost"}],
   "testsets": [{
      "mode": "echo",
      "options": {"outfile": "report_echo.txt", "digits": 0, "sep": "\t", "rtts": false, "quantile_count": 10,
                  "count": 1000, "timeout": 100000, "binary": true, "sync": true, "verify": false},
      "cases": [{"size": 0}, {"size": 64, "sync": false, "count": 5}, {"size": 1024, "rate": 50.5}]
   }]
}`

func TestASpecFileOfTheOlderSuiteIsRead(t *testing.T) {
	s, err := ParseSpec([]byte(seed), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Servers) != 1 || s.Servers[0].Name != "one" || s.Servers[0].endpoint.Port != 9001 {
		t.Errorf("servers %+v", s.Servers)
	}
	set := s.Testsets[0]
	if set.Outfile != "report_echo.txt" || set.Sep != "\t" || set.Quantiles != 10 || set.RTTs {
		t.Errorf("options %+v", set)
	}
	want := []Case{
		{Count: 1000, Size: 0, Timeout: 100_000 * time.Second, Binary: true, Connections: 1, Depth: 1},
		{Count: 5, Size: 64, Timeout: 100_000 * time.Second, Binary: true, Connections: 1},
		{Count: 1000, Size: 1024, Timeout: 100_000 * time.Second, Binary: true, Connections: 1, Rate: 50.5},
	}
	for i, c := range set.Cases {
		if c != want[i] {
			t.Errorf("case %d is %+v, want %+v", i, c, want[i])
		}
	}
}

func TestATestsetOfHandshakesHasNoMessages(t *testing.T) {
	const handshakes = `{"servers": [{"uri": "ws://127.0.0.1:9001"}], "testsets": [{"mode": "handshake",
		"options": {"count": 100}, "cases": [{}, {"connections": 10}, {"rate": 50}]}]}`
	s, err := ParseSpec([]byte(handshakes), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"handshake", "handshakex10", "handshake@50"} {
		if got := s.Testsets[0].Cases[i].Words(); got != want {
			t.Errorf("case %d is %s, want %s", i, got, want)
		}
	}
	_, err = ParseSpec([]byte(strings.Replace(handshakes, "{}", `{"size": 64}`, 1)), 1)
	if want := "testsets[0].cases[0].size: expected one of the fields count, timeout, connections, rate"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one that says %q", err, want)
	}
}

func TestTheTemplateIsRead(t *testing.T) {
	if _, err := ParseSpec(Template(), 1); err != nil {
		t.Error(err)
	}
}

func TestAWrongSpecNamesTheField(t *testing.T) {
	tests := []struct{ name, from, to, want string }{
		{"no JSON", `"desc": "on`, `"desc" "on`, "line 3 is not"},
		{"more than one object", "}]\n}", "}]\n} {}", "and more follows it on line"},
		{"a field that is none", `"verify"`, `"verfiy"`, `testsets[0].options.verfiy: expected one of the fields outfile, `},
		{"no servers", `[{"name": "one", "uri": "ws://127.0.0.1:9001", "desc": "on localhost"}]`, `[]`, "servers: expected a list with one element at least, got []"},
		{"a URL that is none", "ws://127.0.0.1:9001", "http://127.0.0.1:9001", `servers[0].uri: expected a URL such as ws://127.0.0.1:9001: URL "http://127.0.0.1:9001": want ws:// or wss://`},
		{"another mode", `"mode": "echo"`, `"mode": "eho"`, `testsets[0].mode: expected "echo" or "handshake", got "eho"`},
		{"a count below 1", `"count": 1000`, `"count": 0`, "testsets[0].options.count: expected a whole number from 1 to 10000000, got 0"},
		{"a count that is text", `"count": 5`, `"count": "5"`, `testsets[0].cases[1].count: expected a whole number from 1 to 10000000, got "5"`},
		{"a count that is not whole", `"count": 5`, `"count": 5.5`, "testsets[0].cases[1].count: expected a whole number from 1 to 10000000, got 5.5"},
		{"no size", `{"size": 0}`, `{}`, "testsets[0].cases[0].size: expected a whole number from 0 to 16777216, got nothing"},
		{"a flag that is none", `"binary": true`, `"binary": 1`, "testsets[0].options.binary: expected true or false, got 1"},
		{"no quantiles", `"quantile_count": 10`, `"quantile_count": 0`, "testsets[0].options.quantile_count: expected a whole number from 1 to 1000, got 0"},
		{"a rate beside a depth", `"rate": 50.5`, `"rate": 50.5, "depth": 2`, "testsets[0].cases[2].rate: expected no rate beside depth"},
		{"more connections than messages", `"count": 5`, `"count": 5, "connections": 6`, "testsets[0].cases[1].connections: expected no more connections than the count, 5, got 6"},
		{"a time-out of 0", `"timeout": 100000`, `"timeout": 0`, "testsets[0].options.timeout: expected a number from 0.001 to 1000000, got 0"},
	}
	for _, test := range tests {
		text := strings.Replace(seed, test.from, test.to, 1)
		if text == seed {
			t.Fatalf("%s: nothing was replaced", test.name)
		}
		if _, err := ParseSpec([]byte(text), 1); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}

func TestAnErrorKeepsASecretInAURL(t *testing.T) {
	for _, uri := range []string{"ws://ann:geheim@127.0.0.1:9001", "ws://ann:geheim@[", "http://127.0.0.1/?token=geheim"} {
		_, err := ParseSpec([]byte(strings.Replace(seed, "ws://127.0.0.1:9001", uri, 1)), 1)
		if err == nil || !strings.Contains(err.Error(), "servers[0].uri") {
			t.Errorf("%s: error %v, want one that names the field", uri, err)
		} else if strings.Contains(err.Error(), "geheim") && !strings.Contains(uri, "token") {
			t.Errorf("%s: error %q shows the password", uri, err)
		}
	}
}

package engine

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	address := func(host, authority string, port uint16, secure bool) Endpoint {
		return Endpoint{Secure: secure, Host: host, Addr: netip.MustParseAddr(host), Port: port, Authority: authority}
	}
	tests := []struct {
		name, url string
		want      Endpoint
		path      string
	}{
		{"the port of ws is 80", "ws://example.com", Endpoint{Host: "example.com", Port: 80, Authority: "example.com"}, "/"},
		{"the port of wss is 443", "wss://example.com/chat", Endpoint{Secure: true, Host: "example.com", Port: 443, Authority: "example.com"}, "/chat"},
		{"a query needs no path", "ws://127.0.0.1:9000?room=1", address("127.0.0.1", "127.0.0.1:9000", 9000, false), "/?room=1"},
		{"an IPv6 address stands in brackets", "wss://[::1]:9000/a%20b", address("::1", "[::1]:9000", 9000, true), "/a%20b"},
	}
	for _, test := range tests {
		e, path, err := ParseURL(test.url)
		if err != nil || e != test.want || path != test.path {
			t.Errorf("%s: %+v, %q, %v; want %+v, %q", test.name, e, path, err, test.want, test.path)
		}
	}
}

func TestAWrongURLIsRefusedWithoutItsSecrets(t *testing.T) {
	tests := []struct{ name, url, want string }{
		{"another scheme", "http://example.com/", `want ws:// or wss://, got scheme "http"`},
		{"a fragment", "ws://example.com/#top", "want no fragment"},
		{"no host", "ws:///chat", "want a host"},
		{"a port beyond 65535", "ws://example.com:65536", `want a port from 1 to 65535, got "65536"`},
		{"a port that is no number", "ws://example.com:http/", `invalid port ":http"`},
		{"credentials", "ws://user:hunter2@example.com", "want no user or password in it"},
		{"credentials and a port that is no number", "ws://user:hunter2@example.com:http", "want no user or password in it"},
		{"a password with a slash", "ws://user:hunter2/3@example.com", "want no user or password in it"},
		{"a token in a query that cannot be read", "ws://example.com:http/?token=hunter2", `invalid port ":http"`},
	}
	for _, test := range tests {
		_, _, err := ParseURL(test.url)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats a secret: %v", test.name, err)
		}
	}
}

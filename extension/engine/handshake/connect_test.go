package handshake

import (
	"strings"
	"testing"
)

func TestConnect(t *testing.T) {
	for authorization, want := range map[string]string{
		"":           "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
		"Basic YTpi": "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic YTpi\r\n\r\n",
	} {
		if got := AppendConnect(nil, "a.example:443", authorization); string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReadConnected(t *testing.T) {
	tests := []struct {
		name   string
		in     string
		status int
		err    error
	}{
		{"a tunnel", "HTTP/1.1 200 Connection established\r\nVia: a\r\n\r\n", 200, nil},
		{"a tunnel of HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", 200, nil},
		{"another success", "HTTP/1.1 204\r\n\r\n", 204, nil},
		{"lines ended by a bare LF", "HTTP/1.1 200 OK\nVia: a\n\n", 200, nil},
		{"an interim answer first", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200, nil},
		{"credentials wanted", "HTTP/1.1 407 Proxy Authentication Required\r\n", 407, ErrStatus},
		{"a redirect", "HTTP/1.1 302 Found\r\n", 302, ErrStatus},
		{"another protocol", "SSH-2.0", 0, ErrMalformed},
		{"a TLS alert", "\x15\x03\x01", 0, ErrMalformed},
		{"HTTP/2", "HTTP/2 200\r\n", 0, ErrMalformed},
		{"a status of letters", "HTTP/1.1 abc\r\n", 0, ErrMalformed},
		{"half a status line", "HTTP/1.1\r\n", 0, ErrMalformed},
		{"a head without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", limit), 0, ErrTooLarge},
	}
	for _, test := range tests {
		tunnel := "\x00behind"
		if test.err != nil {
			tunnel = ""
		}
		status, n, err := ReadConnected([]byte(test.in+tunnel), limit)
		if err != test.err || test.err != ErrTooLarge && status != test.status {
			t.Errorf("%s: status %d, error %v, want %d, %v", test.name, status, err, test.status, test.err)
		}
		if err != nil {
			continue
		}
		if n != len(test.in) {
			t.Errorf("%s: head of %d bytes, want %d", test.name, n, len(test.in))
		}
		for cut := range test.in {
			if _, n, err := ReadConnected([]byte(test.in[:cut]), limit); n != 0 || err != nil {
				t.Errorf("%s, cut at %d: got %d and %v, want to wait", test.name, cut, n, err)
			}
		}
	}
}

func TestConnectAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 1<<10)
	answer := []byte("HTTP/1.1 200 OK\r\n\r\n")
	allocs := testing.AllocsPerRun(100, func() {
		AppendConnect(b, "a.example:443", "Basic YTpi")
		if _, n, err := ReadConnected(answer, limit); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a request and its answer, want 0", allocs)
	}
}

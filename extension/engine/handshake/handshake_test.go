package handshake

import (
	"strings"
	"testing"
)

// The example of RFC 6455 section 1.3.
var key = Key([]byte("dGhlIHNhbXBsZSBub25jZQ=="))

const (
	line   = "HTTP/1.1 101 Switching Protocols\r\n"
	fields = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	limit  = 16 << 10
)

func TestAccept(t *testing.T) {
	if got := key.Accept(); string(got[:]) != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %s", got)
	}
}

func TestReadResponse(t *testing.T) {
	tests := []struct {
		name     string
		in       string
		protocol string
		err      error
	}{
		{"the answer of the RFC", line + fields + accept + "\r\n", "", nil},
		{"other case, order and spaces",
			line + accept + "CONNECTION:keep-alive,  upgrade \r\nupgrade:  WebSocket\r\n\r\n", "", nil},
		{"lines ended by a bare LF", strings.ReplaceAll(line+fields+accept+"\r\n", "\r", ""), "", nil},
		{"no reason phrase", "HTTP/1.1 101\r\n" + fields + accept + "\r\n", "", nil},
		{"a subprotocol that was offered", line + fields + accept + "Sec-WebSocket-Protocol: v2\r\n\r\n", "v2", nil},
		{"early hints first", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + line + fields + accept + "\r\n", "", nil},
		{"an empty list of extensions", line + fields + accept + "Sec-WebSocket-Extensions:\r\n\r\n", "", nil},

		{"a refusal", "HTTP/1.1 401 Unauthorized\r\n", "", ErrStatus},
		{"a redirect", "HTTP/1.1 302 Found\r\n", "", ErrStatus},
		{"a refusal by a proxy of HTTP/1.0", "HTTP/1.0 503 Service Unavailable\r\n", "", ErrStatus},
		{"garbage", "\x00\x01\x02garbage", "", ErrMalformed},
		{"HTTP/1.0, which has no upgrade", "HTTP/1.0 101 Switching Protocols\r\n", "", ErrMalformed},
		{"HTTP/2", "HTTP/2 503\r\n", "", ErrMalformed},
		{"a status of letters", "HTTP/1.1 abc\r\n", "", ErrMalformed},
		{"a status of four digits", "HTTP/1.1 1010\r\n", "", ErrMalformed},
		{"a value with a NUL", line + "X: a\x00b\r\n\r\n", "", ErrMalformed},
		{"a line without a colon", line + "what\r\n\r\n", "", ErrMalformed},
		{"another upgrade", line + "Upgrade: h2c\r\nConnection: Upgrade\r\n" + accept + "\r\n", "", ErrUpgrade},
		{"no upgrade", line + "Connection: Upgrade\r\n" + accept + "\r\n", "", ErrUpgrade},
		{"no connection", line + "Upgrade: websocket\r\n" + accept + "\r\n", "", ErrUpgrade},
		{"no accept", line + fields + "\r\n", "", ErrAccept},
		{"a wrong accept", line + fields + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n", "", ErrAccept},
		{"a subprotocol that was not offered",
			line + fields + accept + "Sec-WebSocket-Protocol: v3\r\n", "", ErrSubprotocol},
		{"two subprotocols",
			line + fields + accept + "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v2\r\n", "", ErrSubprotocol},
		{"a header without end", line + "X: " + strings.Repeat("x", limit), "", ErrTooLarge},
		{"hints without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", limit/20), "", ErrTooLarge},
	}
	for _, test := range tests {
		frames := "\x81\x05Hello"
		if test.err != nil {
			frames = ""
		}
		r, n, err := ReadResponse([]byte(test.in+frames), key, []string{"v1", "v2"}, limit)
		if err != test.err {
			t.Errorf("%s: error %v, want %v", test.name, err, test.err)
			continue
		}
		if err != nil {
			continue
		}
		if n != len(test.in) || r.Status != 101 || string(r.Protocol) != test.protocol {
			t.Errorf("%s: head of %d bytes, status %d, protocol %q; want %d, 101, %q",
				test.name, n, r.Status, r.Protocol, len(test.in), test.protocol)
		}
		for cut := range test.in {
			if _, n, err := ReadResponse([]byte(test.in[:cut]), key, []string{"v1", "v2"}, limit); n != 0 || err != nil {
				t.Errorf("%s, cut at %d: got %d and %v, want to wait", test.name, cut, n, err)
			}
		}
	}
}

func TestRequest(t *testing.T) {
	r := Request{
		Host:      "example.com:8080",
		Path:      "/chat?room=1",
		Protocols: []string{"v1", "v2"},
		Fields:    []Field{{"Authorization", "Bearer abc"}, {"Cookie", "a=b"}},
	}
	got, err := r.Append(nil, key)
	want := "GET /chat?room=1 HTTP/1.1\r\n" +
		"Host: example.com:8080\r\n" +
		"Upgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Protocol: v1, v2\r\n" +
		"Authorization: Bearer abc\r\nCookie: a=b\r\n\r\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	readKey, _, n, err := ReadRequest(got, limit)
	if err != nil || n != len(got) || readKey != key {
		t.Errorf("read back: %s, %d, %v", readKey, n, err)
	}
	if _, n, err := ReadResponse(AppendResponse(nil, readKey, ""), key, nil, limit); n == 0 || err != nil {
		t.Errorf("the answer to it: %d, %v", n, err)
	}
}

func TestRequestRefuses(t *testing.T) {
	tests := []struct {
		name    string
		request Request
		want    string
	}{
		{"a path that smuggles a header", Request{Host: "h", Path: "/s3cret HTTP/1.1\r\nX: y"}, `path: want it percent-encoded, without #, got " " at byte 7`},
		{"a path without its slash", Request{Host: "h", Path: "chat/s3cret"}, "path: want a leading /"},
		{"a fragment in the path", Request{Host: "h", Path: "/s3cret#a"}, "path: want it percent-encoded, without #"},
		{"a value that smuggles a header", Request{Host: "h", Fields: []Field{{"X", "a\r\nY: b"}}}, "header X"},
		{"a host that smuggles a header", Request{Host: "h\r\nY: b"}, "header Host"},
		{"a header name with a space", Request{Host: "h", Fields: []Field{{"X Y", "a"}}}, "header name"},
		{"a header of the handshake", Request{Host: "h", Fields: []Field{{"upgrade", "a"}}}, "set by the handshake"},
		{"a subprotocol with a comma", Request{Host: "h", Protocols: []string{"a,b"}}, "subprotocol"},
	}
	for _, test := range tests {
		if _, err := test.request.Append(nil, key); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v shows what may be a token", test.name, err)
		}
	}
}

func TestReadRequestRefuses(t *testing.T) {
	r := Request{Host: "h"}
	good, err := r.Append(nil, key)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, new string }{
		{"another method", "GET", "PUT"},
		{"another version", "Version: 13", "Version: 12"},
		{"a short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"},
		{"a long key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==A"},
		{"no upgrade", "Upgrade: websocket", "Upgrade: h2c"},
		{"HTTP/1.0", "HTTP/1.1", "HTTP/1.0"},
		{"HTTP/2", "HTTP/1.1", "HTTP/2.0"},
		{"no target", "GET / ", "GET "},
		{"an empty target", "GET / ", "GET  "},
		{"a target with a space", "GET / ", "GET /a b "},
		{"no host", "Host: h\r\n", ""},
		{"two hosts", "Host: h\r\n", "Host: h\r\nHost: i\r\n"},
		{"two versions", "Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Version: 99\r\n"},
		{"a NUL in a value", "Host: h\r\n", "Host: h\r\nX: a\x00b\r\n"},
		{"a CR in a value", "Host: h\r\n", "Host: h\r\nX: a\rb\r\n"},
	}
	for _, test := range tests {
		bad := strings.Replace(string(good), test.old, test.new, 1)
		if bad == string(good) {
			t.Fatalf("%s: %q is not in the request", test.name, test.old)
		}
		if _, _, _, err := ReadRequest([]byte(bad), limit); err == nil {
			t.Errorf("%s was taken", test.name)
		}
	}
}

func TestHandshakeAllocatesNothing(t *testing.T) {
	r := Request{Host: "h", Protocols: []string{"v1"}, Fields: []Field{{"Authorization", "Bearer abc"}}}
	b := make([]byte, 0, 1<<10)
	answer := []byte(line + fields + accept + "\r\n")
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := r.Append(b, NewKey([16]byte{})); err != nil {
			t.Fatal(err)
		}
		if _, n, err := ReadResponse(answer, key, r.Protocols, limit); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a request and its answer, want 0", allocs)
	}
}

// FuzzReadResponse feeds any bytes: an answer that is taken must prove the
// key, and a verdict on the whole must not differ from one on its parts.
func FuzzReadResponse(f *testing.F) {
	f.Add([]byte(line + fields + accept + "\r\n\x81\x00"))
	f.Add([]byte("HTTP/1.1 401 Unauthorized\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 503 Service Unavailable\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\n\r\n" + line))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 512
		r, n, err := ReadResponse(in, key, []string{"v1"}, limit)
		if n > len(in) || n > limit || n != 0 && err != nil {
			t.Fatalf("a head of %d bytes, error %v, of %d bytes", n, err, len(in))
		}
		if n > 0 && (r.Status != 101 || !strings.Contains(string(in[:n]), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) {
			t.Fatalf("taken without proof: %q", in[:n])
		}
		if n == 0 && err == nil && len(in) >= limit {
			t.Fatalf("still waiting after %d bytes", len(in))
		}
		for cut := range in {
			_, early, earlyErr := ReadResponse(in[:cut], key, []string{"v1"}, limit)
			if earlyErr != nil && earlyErr != err || early != 0 && early != n {
				t.Fatalf("cut at %d: %d %v, whole: %d %v", cut, early, earlyErr, n, err)
			}
		}
	})
}

// FuzzReadRequest feeds any bytes to the server's side.
func FuzzReadRequest(f *testing.F) {
	r := Request{Host: "h", Protocols: []string{"v1"}}
	good, err := r.Append(nil, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 512
		key, _, n, err := ReadRequest(in, limit)
		if n > len(in) || n > limit || n != 0 && err != nil {
			t.Fatalf("a head of %d bytes, error %v, of %d bytes", n, err, len(in))
		}
		if n > 0 && !strings.Contains(string(in[:n]), string(key[:])) {
			t.Fatalf("the key %s is not in the request", key)
		}
	})
}

package handshake

import (
	"net/netip"
	"strings"
	"testing"
)

func TestSocksIsWritten(t *testing.T) {
	for name, test := range map[string]struct{ got, want string }{
		"greeting":        {string(AppendSocksGreeting(nil, false)), "\x05\x01\x00"},
		"with a password": {string(AppendSocksGreeting(nil, true)), "\x05\x02\x00\x02"},
		"the password":    {string(AppendSocksPassword(nil, "user", "")), "\x01\x04user\x00"},
		"to a name":       {string(AppendSocksConnect(nil, "a.example", netip.Addr{}, 443)), "\x05\x01\x00\x03\x09a.example\x01\xbb"},
		"to an address":   {string(AppendSocksConnect(nil, "", netip.MustParseAddr("1.2.3.4"), 80)), "\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50"},
		"to one of version 6": {string(AppendSocksConnect(nil, "", netip.MustParseAddr("::1"), 80)),
			"\x05\x01\x00\x04" + strings.Repeat("\x00", 15) + "\x01\x00\x50"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", name, test.got, test.want)
		}
	}
}

func TestSocksIsRead(t *testing.T) {
	method := func(b []byte) (int, error) { _, n, err := ReadSocksMethod(b); return n, err }
	connected := func(b []byte) (int, error) { _, n, err := ReadSocksConnected(b); return n, err }
	tests := []struct {
		name string
		read func(b []byte) (int, error)
		in   string
		err  error
	}{
		{"nobody asked", method, "\x05\x00", nil},
		{"a password asked for", method, "\x05\x02", nil},
		{"nothing of it taken", method, "\x05\xff", ErrStatus},
		{"a method that was not offered", method, "\x05\x01", ErrMalformed},
		{"SOCKS 4", method, "\x04", ErrMalformed},
		{"HTTP", method, "HTTP/1.1 400 Bad Request\r\n", ErrMalformed},
		{"a password taken", ReadSocksPassword, "\x01\x00", nil},
		{"a password refused", ReadSocksPassword, "\x01\x01", ErrStatus},
		{"a way, from an address", connected, "\x05\x00\x00\x01\x01\x02\x03\x04\x00\x50", nil},
		{"a way, from one of version 6", connected, "\x05\x00\x00\x04" + strings.Repeat("\x00", 18), nil},
		{"a way, from a name", connected, "\x05\x00\x00\x03\x01a\x00\x50", nil},
		{"a way, from what is none of these", connected, "\x05\x00\x00\x07\x00", ErrMalformed},
		{"no way", connected, "\x05\x05", ErrStatus},
		{"no answer", connected, "\x01", ErrMalformed},
	}
	for _, test := range tests {
		behind := "\x00behind"
		if test.err != nil {
			behind = ""
		}
		n, err := test.read([]byte(test.in + behind))
		if err != test.err || err == nil && n != len(test.in) {
			t.Errorf("%s: %d bytes, error %v, want %d, %v", test.name, n, err, len(test.in), test.err)
		}
		for cut := range test.in {
			if n, err := test.read([]byte(test.in[:cut])); n != 0 || err != nil && err != test.err {
				t.Errorf("%s, cut at %d: got %d and %v, want to wait", test.name, cut, n, err)
			}
		}
	}
}

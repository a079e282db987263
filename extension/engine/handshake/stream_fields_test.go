package handshake

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func TestTheRequestForAnEventStreamOverHTTP2(t *testing.T) {
	for _, row := range []struct {
		sentence string
		r        Request
		secure   bool
		want     string // a field a line
		wrong    string
	}{
		{"by default", Request{Host: "h"}, false,
			":method=GET :scheme=http :path=/ :authority=h accept=text/event-stream cache-control=no-cache", ""},
		{"with all that there is", Request{Method: "POST", Host: "h:1", Path: "/a?b", Body: []byte("12"), Fields: []Field{
			{"Accept", "*/*"}, {"Authorization", "Bearer x"}, {"Last-Event-ID", "7"}}}, true,
			":method=POST :scheme=https :path=/a?b! :authority=h:1 cache-control=no-cache accept=*/* authorization=Bearer x! last-event-id=7 content-length=2", ""},
		{"a POST without a body", Request{Method: "POST", Host: "h"}, false,
			":method=POST :scheme=http :path=/ :authority=h accept=text/event-stream cache-control=no-cache content-length=0", ""},
		{"a field of HTTP/1.1's connections", Request{Host: "h", Fields: []Field{{"Keep-Alive", "1"}}}, false, "", `header "Keep-Alive" cannot stand in HTTP/2`},
		{"a field of the request's own", Request{Host: "h", Fields: []Field{{"Content-Length", "1"}}}, false, "", `header "Content-Length" is set by the request itself`},
		{"a method that is none", Request{Host: "h", Method: "GE T"}, false, "", "want a token"},
		{"a line break in a value", Request{Host: "h", Fields: []Field{{"X", "a\r\nb"}}}, false, "", "control characters"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			fields, err := row.r.AppendStreamFields(nil, row.secure)
			if row.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), row.wrong) {
					t.Errorf("got the error %v, want %s", err, row.wrong)
				}
				return
			}
			var got []string
			for _, f := range fields {
				said := f.Name + "=" + f.Value
				if f.Sensitive {
					said += "!"
				}
				got = append(got, said)
			}
			if all := strings.Join(got, " "); err != nil || all != row.want {
				t.Errorf("got %s (%v), want %s", all, err, row.want)
			}
		})
	}
}

// FuzzReadAnswerFields feeds any fields: the verdict must be that of the same
// answer over HTTP/1.1.
func FuzzReadAnswerFields(f *testing.F) {
	f.Add([]byte("200\ncontent-type: text/event-stream"))
	f.Add([]byte("200\ncontent-type: Text/Event-Stream ;a=b\ncontent-encoding: x-gzip\ncontent-length: 12"))
	f.Add([]byte("307\nlocation: /there"))
	f.Add([]byte("204"))
	f.Add([]byte("200\ncontent-length: 1\ncontent-length: 2"))
	f.Fuzz(func(t *testing.T, in []byte) {
		parts := bytes.Split(in, []byte("\n"))
		if len(parts[0]) != 3 { // HTTP/1.1 takes a reason behind it
			return
		}
		fields := []hpack.HeaderField{{Name: ":status", Value: string(parts[0])}}
		head := slices.Concat([]byte("HTTP/1.1 "), parts[0], []byte("\r\n"))
		for _, line := range parts[1:] {
			name, value, err := field(line)
			if err != nil || strings.ContainsFunc(string(name), notInField) || is(name, "transfer-encoding") {
				return // which the session refuses, or HTTP/1.1 has alone
			}
			fields = append(fields, hpack.HeaderField{Name: string(name), Value: string(value)})
			head = slices.Concat(head, line, []byte("\r\n"))
		}
		got, err := ReadAnswerFields(fields)
		if got.IsInterim() && err == nil {
			return // HTTP/1.1 reads on
		}
		want, _, wantErr := ReadAnswer(append(head, "\r\n"...), 1<<20)
		if err != wantErr {
			t.Fatalf("%q: %v, over HTTP/1.1 %v", in, err, wantErr)
		}
		if err == nil && (!bytes.Equal(got.Encoding, want.Encoding) || got.Length != want.Length) ||
			err == ErrStatus && (got.Status != want.Status || !bytes.Equal(got.Location, want.Location)) {
			t.Fatalf("%q: %+v, over HTTP/1.1 %+v", in, got, want)
		}
	})
}

// notInField tells what no field's name has over HTTP/2.
func notInField(c rune) bool { return c <= ' ' || c >= 0x7F || c == ':' || c >= 'A' && c <= 'Z' }

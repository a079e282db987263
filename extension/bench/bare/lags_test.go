//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/frame"
)

func TestLagsOfPacketsAreFound(t *testing.T) {
	message := func(ms int) []byte {
		return fmt.Appendf(nil, `{"type":"message","payload":%q,"timestamp":%d.250}`, strings.Repeat("x", 300), ms)
	}
	plain := func(ms int) []byte { return frame.Append(nil, frame.Text, message(ms)) }
	compressed := func(ms int) []byte {
		b, err := (&deflate.Deflater{}).Deflate(message(ms), deflate.MaxBits, nil)
		if err != nil {
			t.Fatal(err)
		}
		return frame.Append(nil, frame.Text|frame.Deflated, b)
	}
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	for _, row := range []struct {
		sentence string
		packet   []byte
		lags     []int64 // µs, of packets received at 2,000 ms
	}{
		{"an answer to a handshake", []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"), nil},
		{"a message", plain(1_990), []int64{9_750}},
		{"two", join(plain(1_990), plain(1_980)), []int64{9_750, 19_750}},
		{"a compressed one", compressed(1_990), []int64{9_750}},
		{"the same again", compressed(1_990), []int64{9_750}},
		{"compressed ones and others", join(compressed(1_990), frame.Append(nil, frame.Ping, nil), plain(1_980), compressed(1_970)), []int64{9_750, 19_750, 29_750}},
		{"a compressed one, and the start of another", join(compressed(1_990), compressed(1_980)[:20]), []int64{9_750}},
		{"what cannot be inflated", frame.Append(nil, frame.Text|frame.Deflated, []byte("\x07")), nil},
	} {
		frames := inflater{}
		var got []int64
		for _, lag := range appendLags(nil, frames.plain(row.packet), 2_000*1e6) {
			got = append(got, lag/1e3)
		}
		if !slices.Equal(got, row.lags) {
			t.Errorf("%s: lags of %v µs, want %v", row.sentence, got, row.lags)
		}
	}
}

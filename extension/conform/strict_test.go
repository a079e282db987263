package conform

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// TestStrictReader reads a server's bytes; those that break a rule are told.
func TestStrictReader(t *testing.T) {
	tests := []struct{ name, octets, want string }{
		{"a text message", "81024869", `text "Hi"`},
		{"two fragments with a ping between", "010148 8900 800169", `ping "" text "Hi"`},
		{"a Close frame", "880203e8", "close 1000 \"\""},
		{"a Close frame without a body", "8800", "close without a code"},
		{"a masked frame", "81820000000048 69", "RFC 6455 5.1"},
		{"RSV1 without an extension", "c1024869", "RFC 6455 5.2"},
		{"a reserved opcode", "8300", "RFC 6455 5.2"},
		{"a reserved control opcode", "8b00", "RFC 6455 5.2"},
		{"a fragmented ping", "0900", "RFC 6455 5.5"},
		{"a ping of 126 bytes", "897e007e", "RFC 6455 5.5"},
		{"a length in more bytes than it needs", "817e0001", "RFC 6455 5.2"},
		{"a 64-bit length in more bytes than it needs", "817f000000000000ffff", "RFC 6455 5.2"},
		{"a length with its highest bit set", "817f8000000000000000", "RFC 6455 5.2"},
		{"a continuation of nothing", "8000", "RFC 6455 5.4"},
		{"a message inside a message", "0100 8100", "RFC 6455 5.4"},
		{"text that is not UTF-8", "8101ff", "RFC 6455 8.1"},
		{"a Close frame with a body of one byte", "880103", "RFC 6455 5.5.1"},
		{"a Close frame with code 1005", "880203ed", "RFC 6455 7.4"},
		{"a Close frame with a reason that is not UTF-8", "880303e8ff", "RFC 6455 5.5.1"},
		{"data after the Close frame", "880203e8 8100", "RFC 6455 5.5.1"},
		{"an end inside a frame", "8105", "the connection ended inside a frame"},
	}
	for _, test := range tests {
		b, err := hex.DecodeString(strings.ReplaceAll(test.octets, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(b); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// readAll is what a reader of a server's bytes finds, in words.
func readAll(b []byte) string {
	s := &strictReader{r: bufio.NewReader(bytes.NewReader(b))}
	var words []string
	for {
		f, err := s.readFrame()
		var e *Event
		if err == nil {
			e, err = s.take(f)
		}
		if e != nil {
			words = append(words, e.String())
		}
		if err != nil {
			var b *Breach
			if errors.As(err, &b) || errors.Is(err, errCut) {
				words = append(words, err.Error())
			}
			return strings.Join(words, " ")
		}
	}
}

func TestFramesAreReadAsTheyWereWritten(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte("x"), size)
		for _, masked := range []bool{false, true} {
			b := bin(payload).encode(nil, masked, [4]byte{1, 2, 3, 4})
			s := &strictReader{r: bufio.NewReader(bytes.NewReader(b)), masked: masked}
			f, err := s.readFrame()
			if err != nil || !f.fin || f.op != OpBinary || !bytes.Equal(f.payload, payload) {
				t.Errorf("%d bytes, masked %v: read %v (%v)", size, masked, f, err)
			}
		}
	}
}

func TestCompressionIsItsOwnInverse(t *testing.T) {
	for _, bits := range []int{8, 9, 12, 15} {
		for _, noTakeover := range []bool{false, true} {
			out, in := newDeflate(bits, noTakeover), newInflate(bits, noTakeover)
			for _, name := range []string{"json", "packed", "plain"} {
				for _, size := range []int{0, 1, 100, 40_000, 131_072} {
					data := corpusOf(name)[:size]
					got, err := in.message(out.message(data))
					if err != nil || !bytes.Equal(got, data) {
						t.Fatalf("%d bits, no takeover %v, %d bytes of %s: %d bytes came back (%v)", bits, noTakeover, size, name, len(got), err)
					}
				}
			}
		}
	}
}

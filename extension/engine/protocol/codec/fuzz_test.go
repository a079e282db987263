package codec

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// fuzzCodec holds a codec to what the interpreter relies on, whatever bytes
// come: it does not panic, what it accepts is JSON, and that is no more than a
// bounded multiple of the message.
func fuzzCodec(f *testing.F, s *Spec) {
	for _, row := range load(f).Messages {
		if row.Codec.Name == s.Name {
			f.Add(fromHex(f, row.Hex))
		}
	}
	c := codecOf(f, s.with(load(f).Types))
	f.Fuzz(func(t *testing.T, message []byte) {
		text, ok := c.AppendJSON(nil, message)
		if len(text) > 64+len(message)*maxGrowth {
			t.Fatalf("%x: %d bytes of JSON out of %d", message, len(text), len(message))
		}
		if !ok {
			return
		}
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Fatalf("%x: %q is not JSON", message, text)
		}
		// Written and read again it is the same.
		if again, err := c.AppendMessage(nil, text); err == nil {
			once, ok := c.AppendJSON(nil, again)
			if !ok {
				t.Fatalf("%x: %s was written as %x, which is not of the format", message, text, again)
			}
			if twice, err := c.AppendMessage(nil, once); err != nil || !bytes.Equal(again, twice) {
				t.Fatalf("%x: %s was written as %x, then %x, %v", message, text, again, twice, err)
			}
		}
	})
}

// maxGrowth is how many bytes of JSON a byte may become: an escape has six, a
// short extension, or a number of 16 bits, some more.
const maxGrowth = 24

func FuzzMessagePack(f *testing.F) { fuzzCodec(f, &Spec{Name: "msgpack", Bytes: "json"}) }
func FuzzCBOR(f *testing.F)        { fuzzCodec(f, &Spec{Name: "cbor", Bytes: "json"}) }

func FuzzProtobuf(f *testing.F) {
	fuzzCodec(f, &Spec{Name: "protobuf", Bytes: "json", Send: "fixtures.Everything", Receive: "fixtures.Everything"})
}

// FuzzMQTT has no packet that both sides send but for acknowledgements and
// publications.
func FuzzMQTT(f *testing.F)  { fuzzCodec(f, &Spec{Name: "mqtt", Bytes: "json"}) }
func FuzzMQTT5(f *testing.F) { fuzzCodec(f, &Spec{Name: "mqtt", Version: "5", Bytes: "json"}) }

// FuzzFramings holds each framing to its promise: a message lies within the
// bytes, and more are only asked for where they are missing.
func FuzzFramings(f *testing.F) {
	names := []string{"varint", "uint8", "uint16", "uint32", "uint16le", "uint32le", "nats"}
	for _, row := range load(f).Framings {
		f.Add(fromHex(f, row.Hex))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, name := range names {
			framing, err := NewFraming(name)
			if err != nil {
				t.Fatal(err)
			}
			for rest := stream; len(rest) > 0; {
				found := framing.Find(rest)
				if found.Next == 0 {
					if !found.Broken && found.Need <= len(rest) {
						t.Fatalf("%s %x: needs %d of %d", name, rest, found.Need, len(rest))
					}
					break
				}
				if found.Start > found.End || found.End > found.Next || found.Next > len(rest) || found.Broken {
					t.Fatalf("%s %x: %+v", name, rest, found)
				}
				rest = rest[found.Next:]
			}
		}
	})
}

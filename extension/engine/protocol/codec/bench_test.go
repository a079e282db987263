package codec

import (
	"encoding/hex"
	"testing"
)

// of is a delivery as each format has it: about 160 bytes.
const aDelivery = `{"type":"message","room":"lobby","id":"p1-17","seq":1017,"publisherSeq":17,"publisher":"p1","timestamp":1700000000000.25,"payload":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`

// formats are codecs with a message each, in JSON.
func formats(t testing.TB) map[string]struct {
	Codec
	message []byte
} {
	made := map[string]struct {
		Codec
		message []byte
	}{}
	for name, row := range map[string]struct {
		spec Spec
		text string
	}{
		"msgpack": {Spec{Name: "msgpack"}, aDelivery},
		"cbor":    {Spec{Name: "cbor"}, aDelivery},
		"protobuf": {Spec{Name: "protobuf", Send: "M", Receive: "M", Types: map[string]*Type{"M": {Fields: map[string]*Field{
			"type": {ID: 1, Type: "string"}, "room": {ID: 2, Type: "string"}, "id": {ID: 3, Type: "string"},
			"seq": {ID: 4, Type: "int64"}, "publisherSeq": {ID: 5, Type: "uint32"}, "publisher": {ID: 6, Type: "string"},
			"timestamp": {ID: 7, Type: "double"}, "payload": {ID: 8, Type: "string"},
		}}}}, aDelivery},
		"mqtt": {Spec{Name: "mqtt", Bytes: "json"}, `{"cmd":"publish","topic":"rooms/lobby","payload":` + aDelivery + `}`},
	} {
		c := codecOf(t, &row.spec)
		message, err := c.AppendMessage(nil, []byte(row.text))
		if err != nil {
			t.Fatal(name, err)
		}
		made[name] = struct {
			Codec
			message []byte
		}{c, message}
	}
	return made
}

func BenchmarkDecode(b *testing.B) {
	for name, f := range formats(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(f.message)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst, _ = f.AppendJSON(dst[:0], f.message)
			}
		})
	}
}

func TestMessagesAreReadAndWrittenWithoutAllocation(t *testing.T) {
	for name, f := range formats(t) {
		text, ok := f.AppendJSON(nil, f.message)
		if !ok {
			t.Fatalf("%s: %s is not one", name, hex.EncodeToString(f.message))
		}
		read, written := make([]byte, 0, 1000), make([]byte, 0, 1000)
		allocs := testing.AllocsPerRun(100, func() {
			read, _ = f.AppendJSON(read[:0], f.message)
			written, _ = f.AppendMessage(written[:0], text)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations to read and write a message, want 0", name, allocs)
		}
	}
}

package codec

import "testing"

var published = append([]byte{0x30, 0xA2, 0x01, 0, 11}, `rooms/lobby{"id":"p1-17","seq":1017,"publisher":"p1","timestamp":1700000000000.25,"payload":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`...)

func BenchmarkMQTT(b *testing.B) {
	c, err := New(&Spec{Name: "mqtt", Bytes: "json"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(published)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		var ok bool
		if dst, ok = c.AppendJSON(dst[:0], published); !ok {
			b.Fatal(len(published))
		}
	}
}

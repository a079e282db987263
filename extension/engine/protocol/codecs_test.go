package protocol

import (
	"testing"

	"xk6-realtime/engine/frame"
)

// mqttDelivery is a publication of QoS 0 with the JSON of aDelivery.
var mqttDelivery = append(append([]byte{0x30, 0xD4, 0x01, 0, 11}, "rooms/lobby"...), aDelivery...)

const mqttChat = `{
	"name": "mqtt", "codec": { "name": "mqtt", "bytes": "json" },
	"publish": { "send": "{\"cmd\":\"publish\",\"topic\":${room},\"payload\":{\"id\":${id},\"seq\":${seq}}}" },
	"delivery": {
		"where": { "/cmd": "publish", "/payload/type": "message" }, "id": "/payload/id", "seq": "/payload/publisherSeq",
		"cursor": "/payload/seq", "publisher": "/payload/publisher", "room": "/payload/room",
		"sentAt": { "at": "/payload/timestamp", "unit": "ms" }
	}
}`

func TestMessagesOfACodecAreInterpretedWithoutAllocation(t *testing.T) {
	c, e := openConversation(t, mqttChat, "rooms/lobby")
	id, n := []byte("p1-17"), 0
	run := func() {
		n++
		c.Receive(e, mqttDelivery, true, origin, origin, origin)
		if err := c.Publish(e, id, int64(n), nil, origin); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if allocs := testing.AllocsPerRun(100, run); allocs != 0 {
		t.Errorf("%v allocations for a delivery and a publication, want 0", allocs)
	}
	if e.deliveries != n || e.others != 0 {
		t.Errorf("%d deliveries and %d others, want %d and 0", e.deliveries, e.others, n)
	}
}

func BenchmarkDeliveryOfMQTT(b *testing.B) {
	c, e := openConversation(b, mqttChat, "rooms/lobby")
	b.SetBytes(int64(len(mqttDelivery)))
	for b.Loop() {
		c.Receive(e, mqttDelivery, true, origin, origin, origin)
	}
	if e.others != 0 {
		b.Fatal("no deliveries")
	}
}

// A hostile peer that sends a message byte by byte, and one that never ends it:
// what is kept has a bound, and does not stay.
func TestWhatIsKeptOfAMessageIsBounded(t *testing.T) {
	c, e := openConversation(t, mqttChat, "rooms/lobby")
	for i := range mqttDelivery {
		c.Receive(e, mqttDelivery[i:i+1], true, origin, origin, origin)
	}
	if e.deliveries != 1 || e.others != 0 || c.rare.stream.pending != nil {
		t.Errorf("byte by byte: %d deliveries, %d others, %d bytes kept", e.deliveries, e.others, len(c.rare.stream.pending))
	}
	c.in.pieces.MessageBytes = 1 << 20
	memory := frame.NewBuffer(4 << 20)
	c.in.pieces.Memory = memory
	justBelow := []byte{0x30, 0xFF, 0xFF, 0x3F}
	c.Receive(e, justBelow, true, origin, origin, origin)
	for range 40 {
		c.Receive(e, make([]byte, 1<<15), true, origin, origin, origin)
		if kept := cap(c.rare.stream.pending); kept > 2<<20 || kept > 4<<10 && memory.Bytes() != int64(kept) {
			t.Fatalf("%d bytes are kept, %d are counted", kept, memory.Bytes())
		}
	}
	c.Drop(e, origin)
	if memory.Bytes() != 0 {
		t.Errorf("%d bytes are counted after the end", memory.Bytes())
	}

	other, e := openConversation(t, mqttChat, "rooms/lobby")
	other.in.pieces.Memory = frame.NewBuffer(1 << 16)
	other.Receive(e, justBelow, true, origin, origin, origin)
	for range 2 {
		other.Receive(e, make([]byte, 1<<15), true, origin, origin, origin)
	}
	if end := other.rare.stream.end; end != noRoom || other.rare.stream.pending != nil || e.others != 1 {
		t.Errorf("without room the stream ended with %v, %d others; %d bytes are kept", end, e.others, cap(other.rare.stream.pending))
	}
}

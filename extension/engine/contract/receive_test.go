package contract_test

import (
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/protocol"
)

// ordersProtocol takes each message of orders for a delivery.
const ordersProtocol = `{
	"name": "orders",
	"publish": { "send": "{\"id\":${id}}" },
	"delivery": { "where": { "/type": "orders" }, "id": "/id" }
}`

// deliveries counts what comes, and fails on all else.
type deliveries struct {
	protocol.Events
	count int
}

func (d *deliveries) Ready()                       {}
func (d *deliveries) Delivered(*protocol.Delivery) { d.count++ }

// opened is a conversation whose messages are checked, unless checker is nil.
func opened(t testing.TB, checker *contract.Checker) (*protocol.Conversation, *deliveries) {
	t.Helper()
	p, err := protocol.Parse([]byte(ordersProtocol))
	if err != nil {
		t.Fatal(err)
	}
	in := p.NewInterpreter(time.Second, func(at clock.Time) int64 { return int64(at) }, protocol.Pieces{})
	in.CheckBy(checker)
	c, d := &protocol.Conversation{}, &deliveries{}
	in.Open(c, d, protocol.Init{}, clock.Now())
	return c, d
}

func newChecker(t testing.TB) (*contract.Checker, *contract.Record) {
	t.Helper()
	c, err := contract.Parse([]byte(contract.Orders))
	if err != nil {
		t.Fatal(err)
	}
	record := c.NewRecord()
	return c.NewChecker(record), record
}

// All that a loop does with a message of 1 KB once it has its bytes.
func BenchmarkReceive(b *testing.B) {
	message := contract.Kilobyte()
	receive := func(b *testing.B, checker *contract.Checker) *deliveries {
		c, d := opened(b, checker)
		at := clock.Now()
		b.ReportAllocs()
		for b.Loop() {
			c.Receive(d, message, false, at, at, at)
		}
		return d
	}
	b.Run("without a contract", func(b *testing.B) { receive(b, nil) })
	b.Run("with one", func(b *testing.B) {
		checker, record := newChecker(b)
		if d := receive(b, checker); record.Messages[2] != int64(d.count) || len(record.Findings()) > 0 {
			b.Fatalf("%d of %d messages checked, %d findings", record.Messages[2], d.count, len(record.Findings()))
		}
	})
}

func TestMessagesAreCheckedWithoutAllocation(t *testing.T) {
	checker, record := newChecker(t)
	c, d := opened(t, checker)
	message, at := contract.Kilobyte(), clock.Now()
	receive := func() { c.Receive(d, message, false, at, at, at) }
	receive() // the first makes room
	if allocs := testing.AllocsPerRun(100, receive); allocs != 0 {
		t.Errorf("%v allocations for a message, want 0", allocs)
	}
	if record.Messages[2] != 102 || d.count != 102 || len(record.Findings()) > 0 {
		t.Errorf("%d checked, %d delivered, %d findings; want 102, 102, 0", record.Messages[2], d.count, len(record.Findings()))
	}
}

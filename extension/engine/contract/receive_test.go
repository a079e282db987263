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

func (d *deliveries) Send([]byte, bool, protocol.Purpose) {}
func (d *deliveries) Replied(*protocol.Reply)             {}
func (d *deliveries) Ignored()                            {}

func TestAProbeOfOneMessageIsAnExampleWithTheReplyThatCameInTime(t *testing.T) {
	const send, reply = `"{\"t\":\"ask\",\"id\":${id}}`, `"reply":[{"name":"answer","match":"id","id":"/n"}],"probe":{"id":"number","send":`
	for _, test := range []struct {
		name, descriptor, received string
		late                       bool
		want                       int
	}{
		{"one", `{"name":"x",` + reply + send + `"}}`, `{"t":"tell","n":1}`, false, 1},
		{"one and a delimiter", `{"name":"x","delimiter":"\n",` + reply + send + `"}}`, `{"t":"tell","n":1}`, false, 1},
		{"two", `{"name":"x","delimiter":"\n",` + reply + send + `\n{\"t\":\"ask\"}"}}`, `{"t":"tell","n":1}`, false, 0},
		{"another's reply", `{"name":"x",` + reply + send + `"}}`, `{"t":"tell","n":2}`, false, 0},
		{"late", `{"name":"x",` + reply + send + `"}}`, `{"t":"tell","n":1}`, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			agreed, err := contract.Parse([]byte(contract.Questions))
			if err != nil {
				t.Fatal(err)
			}
			p, err := protocol.Parse([]byte(test.descriptor))
			if err != nil {
				t.Fatal(err)
			}
			in := p.NewInterpreter(time.Second, func(at clock.Time) int64 { return int64(at) }, protocol.Pieces{})
			examples := agreed.NewExamples()
			in.CheckBy(agreed.NewChecking(1, examples).Loop(0))
			c, d, at := &protocol.Conversation{}, &deliveries{}, clock.Now()
			in.Open(c, d, protocol.Init{}, at)
			if err := c.Probe(d, []byte("1"), nil, at); err != nil {
				t.Fatal(err)
			}
			if test.late {
				at = at.Add(2 * time.Second)
				c.Due(d, at)
			}
			c.Receive(d, []byte(test.received), false, at, at, at)
			got := examples.Exchanges()
			if len(got) != test.want {
				t.Fatalf("%+v, want %d", got, test.want)
			}
			if test.want > 0 && (got[0].Request.Text != `{"t":"ask","id":1}` || got[0].Reply.Text != test.received || got[0].Name != "answer") {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

package protocol

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
)

// nothing is an Events that does nothing.
type nothing struct {
	replies, deliveries, others int
	faults                      [MessageFaults]int
}

func (n *nothing) Send([]byte, bool, Purpose)          {}
func (n *nothing) Ready()                              {}
func (n *nothing) SessionFailed(string, Fault, []byte) { n.others++ }
func (n *nothing) Replied(r *Reply) {
	if r.Outcome == InTime {
		n.replies++
	} else {
		n.others++
	}
}
func (n *nothing) Delivered(*Delivery)           { n.deliveries++ }
func (n *nothing) Failed([]byte, *Probe, uint16) { n.others++ }
func (n *nothing) Invalid(why Fault, _ string)   { n.others++; n.faults[why]++ }
func (n *nothing) Ignored()                      { n.others++ }
func (n *nothing) Captured(string, string)       {}

const chat = `{
	"name": "chat",
	"probe": { "send": "{\"type\":\"echo\",\"echoId\":${id},\"pad\":${payload}}" },
	"reply": [{ "name": "echo", "where": { "/type": "echo_reply" }, "match": "id", "id": "/echoId" }],
	"publish": { "send": "{\"type\":\"publish\",\"room\":${room},\"id\":${id},\"seq\":${seq},\"sentAt\":${nowMs}}" },
	"delivery": {
		"where": { "/type": "message" }, "id": "/id", "seq": "/publisherSeq", "cursor": "/seq",
		"publisher": "/publisher", "room": "/room", "sentAt": { "at": "/timestamp", "unit": "ms" }
	},
	"error": { "where": { "/type": "error" }, "reason": "/reason", "settles": "id" }
}`

const aDelivery = `{"type":"message","room":"lobby","id":"p1-17","seq":1017,"publisherSeq":17,"publisher":"p1","timestamp":1700000000000.25,"payload":"` +
	`xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`

func openConversation(t testing.TB, descriptor string, variables ...string) (*Conversation, *nothing) {
	t.Helper()
	p, err := Parse([]byte(descriptor))
	if err != nil {
		t.Fatal(err)
	}
	in := p.NewInterpreter(time.Second, func(at clock.Time) int64 { return int64(at) }, Pieces{})
	c := &Conversation{}
	if err := in.Begin(c, Init{Variables: variables}); err != nil {
		t.Fatal(err)
	}
	e := &nothing{}
	c.Open(e, origin)
	return c, e
}

func TestMessagesAreInterpretedWithoutAllocation(t *testing.T) {
	t.Run("a message at a time", func(t *testing.T) { interpretWithoutAllocation(t, chat, "") })
	t.Run("two in one", func(t *testing.T) {
		interpretWithoutAllocation(t, strings.Replace(chat, `"name"`, `"delimiter": "\n", "name"`, 1), "\n")
	})
}

// interpretWithoutAllocation has a reply and a delivery in one message where
// there is a delimiter.
func interpretWithoutAllocation(t *testing.T, descriptor, delimiter string) {
	c, e := openConversation(t, descriptor, "lobby")
	now, n := origin, 0
	id, reply := make([]byte, 0, 32), make([]byte, 0, 1000)
	payload, delivery := []byte("some payload"), []byte(aDelivery)
	run := func() {
		now = now.Add(100 * time.Millisecond)
		n++
		id = strconv.AppendInt(append(id[:0], "c1-"...), int64(n), 10)
		if err := c.Probe(e, id, payload, now); err != nil {
			t.Fatal(err)
		}
		c.Sent(id, now)
		reply = append(append(append(reply[:0], `{"type":"echo_reply","echoId":"`...), id...), `"}`...)
		if delimiter == "" {
			c.Receive(e, reply, false, now, now, now)
			c.Receive(e, delivery, false, now, now, now)
		} else {
			c.Receive(e, append(append(append(reply, delimiter...), delivery...), delimiter...), false, now, now, now)
		}
		if err := c.Publish(e, id, int64(n), payload, now); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * kept { // until the ring has its size
		run()
	}
	if allocs := testing.AllocsPerRun(100, run); allocs != 0 {
		t.Errorf("%v allocations for a probe, its reply, a delivery and a publication, want 0", allocs)
	}
	if e.replies != n || e.deliveries != n || e.others != 0 {
		t.Errorf("%d replies, %d deliveries and %d others, want %d, %d and 0", e.replies, e.deliveries, e.others, n, n)
	}
}

func TestListsAreTakenApartWithoutAllocation(t *testing.T) {
	c, e := openConversation(t, strings.Replace(chat, `"delivery": {`, `"delivery": { "each": "/list",`, 1), "lobby")
	message := []byte(`{"list":[` + aDelivery + `,{"type":"other"},` + aDelivery + `]}`)
	run := func() { c.Receive(e, message, false, origin, origin, origin) }
	run()
	if allocs := testing.AllocsPerRun(100, run); allocs != 0 {
		t.Errorf("%v allocations for two deliveries in a list, want 0", allocs)
	}
	if e.deliveries != 2*102 || e.others != 0 {
		t.Errorf("%d deliveries and %d others, want %d and 0", e.deliveries, e.others, 2*102)
	}
}

func TestStringsOfJSONAreUnfoldedWithoutAllocation(t *testing.T) {
	c, e := openConversation(t, strings.Replace(chat, `"delivery": {`, `"nested": ["/inside"], "delivery": { "each": "/inside",`, 1), "lobby")
	inside, err := json.Marshal("[" + aDelivery + "]")
	if err != nil {
		t.Fatal(err)
	}
	message := []byte(`{"inside":` + string(inside) + `}`)
	run := func() { c.Receive(e, message, false, origin, origin, origin) }
	run()
	if allocs := testing.AllocsPerRun(100, run); allocs != 0 {
		t.Errorf("%v allocations for a delivery in a string of JSON, want 0", allocs)
	}
	if e.deliveries != 102 || e.others != 0 {
		t.Errorf("%d deliveries and %d others, want 102 and 0", e.deliveries, e.others)
	}
}

func TestSettledProbesAreForgottenLater(t *testing.T) {
	c, e := openConversation(t, chat, "lobby")
	for n := range 3 * kept {
		id := []byte(strconv.Itoa(n))
		if err := c.Probe(e, id, nil, origin); err != nil {
			t.Fatal(err)
		}
		if n != 0 {
			c.Receive(e, []byte(`{"type":"echo_reply","echoId":"`+string(id)+`"}`), false, origin, origin, origin)
		}
	}
	// The first was never answered, so it is still open.
	if c.OpenProbes() != 1 || e.replies != 3*kept-1 {
		t.Errorf("%d open, %d answered", c.OpenProbes(), e.replies)
	}
	c.Receive(e, []byte(`{"type":"echo_reply","echoId":"0"}`), false, origin, origin, origin)
	if c.OpenProbes() != 0 || e.replies != 3*kept {
		t.Errorf("its reply at last: %d open, %d answered", c.OpenProbes(), e.replies)
	}
	for n := range 3 {
		if err := c.Probe(e, []byte{'a' + byte(n)}, nil, origin.Add(2*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if known := c.ledger.end - c.ledger.first; known > kept+1 {
		t.Errorf("%d probes are known, want about %d", known, kept)
	}
}

func TestDescriptorsThatCannotBeInterpreted(t *testing.T) {
	tests := []struct{ name, descriptor, want string }{
		{"no JSON", `{`, "unexpected EOF"},
		{"an unknown field", `{"name":"x","probes":1}`, "probes"},
		{"an unknown variable", `{"name":"x","publish":{"send":"${who}"}}`, "publish.send: want a variable"},
		{"a template that is nearly JSON", `{"name":"x","publish":{"send":"{\"a\":${id}"}}`, "publish.send: want JSON"},
		{"two messages that nothing parts", `{"name":"x","publish":{"send":"{\"a\":${id}}\n{\"b\":${id}}"}}`, "publish.send: want JSON to its end"},
		{"a delimiter at the end", `{"name":"x","delimiter":"\n","publish":{"send":"a\n"}}`, "publish.send: want a message on both sides"},
		{"a list that is no pointer", `{"name":"x","delivery":[{"regex":"a"},{"each":"list"}]}`, "delivery[1].each: want a JSON Pointer"},
		{"a group that is not there", `{"name":"x","delivery":{"regex":"^(?<a>.)","id":"b"}}`, "delivery.id: want a JSON Pointer"},
		{"a bad regex", `{"name":"x","delivery":{"regex":"("}}`, "delivery.regex"},
		{"a bad duration", `{"name":"x","session":[{"await":{"text":"a"},"within":"5"}]}`, "session[0].within: want a duration"},
		{"an unknown way to match", `{"name":"x","probe":{"send":"a"},"reply":[{"name":"a","match":"luck"}]}`, "reply[0].match"},
		{"an unknown unit", `{"name":"x","delivery":{"where":{"/a":1},"sentAt":{"at":"/t","unit":"h"}}}`, "delivery.sentAt.unit"},
		{"half a heartbeat", `{"name":"x","heartbeat":[{"every":"1s"}]}`, "heartbeat[0]"},
	}
	for _, test := range tests {
		_, err := Parse([]byte(test.descriptor))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}

func TestOneMessageIsTakenApartIntoSoMany(t *testing.T) {
	c, e := openConversation(t, `{"name":"x","delimiter":"\n","delivery":{"regex":"^x"}}`)
	c.Receive(e, []byte(strings.Repeat("x\n\n", mostMessages-1)+"no\nx"), false, origin, origin, origin)
	if e.deliveries != mostMessages-1 || e.others != 1 {
		t.Errorf("%d deliveries and %d others, want %d and 1", e.deliveries, e.others, mostMessages-1)
	}
}

func TestAListIsReadUpToOurLimit(t *testing.T) {
	c, e := openConversation(t, `{"name":"x","delivery":{"each":"/l"}}`)
	for _, row := range []struct{ elements, deliveries int }{{mostMessages, mostMessages}, {mostMessages + 1, mostMessages}} {
		*e = nothing{}
		c.Receive(e, []byte(`{"l":[`+strings.Repeat("1,", row.elements-1)+`1]}`), false, origin, origin, origin)
		if tooMany := row.elements - row.deliveries; e.deliveries != row.deliveries || e.faults[TooMany] != tooMany {
			t.Errorf("of %d: %d deliveries and %v, want %d", row.elements, e.deliveries, e.faults, row.deliveries)
		}
	}
}

func BenchmarkDelivery(b *testing.B) {
	c, e := openConversation(b, chat, "lobby")
	message := []byte(aDelivery)
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		c.Receive(e, message, false, origin, origin, origin)
	}
}

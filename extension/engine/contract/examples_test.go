package contract

import (
	"slices"
	"strings"
	"testing"
)

// kept are the texts of the examples, with what is known of each.
func kept(t *testing.T, e *Examples, c *Contract) (lines []string) {
	t.Helper()
	for _, one := range e.All() {
		lines = append(lines, strings.Join([]string{string(one.Sender), c.KindName(one.Kind), one.Role, one.Text}, " "))
	}
	return lines
}

const asked = `{"draft": "2020-12", "keepsExamples": true, "checksSent": true,
	"documents": {"contract:///a.json": {
		"ask": {"required": ["t"], "properties": {"t": {"const": "ask"}}},
		"tell": {"required": ["t", "n"], "properties": {"t": {"const": "tell"}, "n": {"type": "integer"}, "s": {"pattern": "^(a|b)+$"}}},
		"hello": {"required": ["t"], "properties": {"t": {"const": "hello"}}}}},
	"kinds": [
		{"name": "ask", "schema": "contract:///a.json#/ask", "from": "client", "marks": [{"at": "/t", "values": ["ask"]}]},
		{"name": "tell", "schema": "contract:///a.json#/tell", "from": "server", "marks": [{"at": "/t", "values": ["tell"]}]},
		{"name": "hello", "schema": "contract:///a.json#/hello", "from": "both", "once": true, "marks": [{"at": "/t", "values": ["hello"]}]}]}`

func TestTheFirstValidMessageOfEachKindIsKept(t *testing.T) {
	c, err := Parse([]byte(asked))
	if err != nil {
		t.Fatal(err)
	}
	examples := c.NewExamples()
	checking := c.NewChecking(2, examples)
	late := Session{}
	one, other := checking.Loop(0), checking.Loop(1)
	large := `{"t":"tell","n":1,"pad":"` + strings.Repeat("x", mostExample) + `"}`
	for _, m := range []struct {
		by     *Checker
		s      *Session
		text   string
		role   string
		sender Sender
	}{
		{one, nil, `{"t":"tell","n":"a"}`, "", Server},           // wrong type
		{one, nil, `{"t":"ask","from":"server"}`, "", Server},    // wrong sender
		{one, nil, `{"t":"none"}`, "", Server},                   // no kind
		{one, nil, large, "", Server},                            // too large
		{other, nil, `{"t":"tell","n":2}`, RoleDelivery, Server}, // the first
		{one, nil, `{"t":"tell","n":3}`, "", Server},             // another loop's second
		{one.Sent, nil, `{"t":"ask"}`, "", Client},
		{one.Sent, nil, `{"t":"ask","n":2}`, "", Client},
		{one.Sent, &late, `{"t":"hello","n":1}`, "", Client},
		{one, &late, `{"t":"hello","n":2}`, "", Server}, // wrong time: it comes once
		{one, nil, `{"t":"hello","n":3}`, "", Server},
	} {
		m.by.Check(m.s, []byte(m.text), true, m.role, m.sender)
	}
	want := []string{
		`client ask  {"t":"ask"}`, `client hello  {"t":"hello","n":1}`,
		`server tell delivery {"t":"tell","n":2}`, `server hello  {"t":"hello","n":3}`,
	}
	if got := kept(t, examples, c); !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

func TestAMessageThatOnlyTheValidatorTakesIsKept(t *testing.T) {
	spec := strings.Replace(asked, `"hello": {`, `"hello": {"propertyNames": {"maxLength": 3}, `, 1)
	c, err := Parse([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	k := c.NewChecker(c.NewRecord())
	k.Examples = c.NewExamples()
	for _, text := range []string{`{"t":"hello","long":1}`, `{"t":"hello","n":1}`} {
		k.Check(nil, []byte(text), true, "", Server)
	}
	if got, want := kept(t, k.Examples, c), []string{`server hello  {"t":"hello","n":1}`}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

func TestNothingIsKeptUnasked(t *testing.T) {
	c, err := Parse([]byte(orders))
	if err != nil {
		t.Fatal(err)
	}
	if e := c.NewExamples(); e != nil || len(e.All()) > 0 {
		t.Errorf("%v, want nil", e)
	}
}

func TestExamplesCostNoAllocationOnceTheyAreThere(t *testing.T) {
	c, err := Parse([]byte(strings.Replace(orders, `{"draft"`, `{"keepsExamples": true, "draft"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	k, s, message := c.NewChecker(c.NewRecord()), &Session{}, kilobyte()
	k.Examples = c.NewExamples()
	check := func() { k.Check(s, message, true, "", Server) }
	check()
	if allocs := testing.AllocsPerRun(100, check); allocs != 0 || len(k.Examples.All()) != 1 {
		t.Errorf("%v allocations for a message and %d examples, want 0 and 1", allocs, len(k.Examples.All()))
	}
}

package protocol

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
)

// The table that every interpreter of descriptors runs. REALTIME_FIXTURES names
// another, which test/protocols/interpreters.test.ts has made at random.
var fixturesFile = cmp.Or(os.Getenv("REALTIME_FIXTURES"), "../../../lib/protocols/fixtures.json")

type fixtures struct {
	Descriptors map[string]json.RawMessage
	Cases       []fixture
	Templates   struct {
		Variables map[string]any
		Messages  []struct {
			Template, Delimiter string
			Message             *string // null where it is refused
		}
		Paths []struct{ Path, Expanded string }
	}
	Patterns []struct {
		Pattern, Text string
		Groups        map[string]*string
		Rest          *string
	}
	Sources []struct {
		JSON, Pointer string
		Source        *string
	}
	Awaited []struct {
		Condition ConditionSpec
		Words     string
	}
}

type fixture struct {
	Name, Descriptor, Path string
	Init                   struct {
		Variables      map[string]string
		ReplyTimeoutMs float64
		MessageBytes   int
		UnixOffsetMs   float64
		Authenticate   bool
		TokenExpiresAt float64
		LastSeq        string
		Captured       map[string]struct{ Text, JSON string }
	}
	Steps []fixtureStep
	End   map[string]any
}

type fixtureStep struct {
	Do                   string
	Times                int     // it is done, # being the number of the time
	Every                float64 // milliseconds from one time to the next
	At, DueAt, ExpiresAt float64
	HandledAt            *float64 // of a message that was handled later than it came
	ID                   string
	Seq                  int64
	Payload, Token       string
	Frame                frameJSON
	Effects              any // how many of each kind where it is done several times
	NextDue              *float64
}

type frameJSON struct{ Text, Hex *string }

func load(t *testing.T) (f fixtures) {
	t.Helper()
	b, err := os.ReadFile(fixturesFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) == 0 || len(f.Patterns) == 0 || len(f.Sources) == 0 || len(f.Awaited) == 0 || len(f.Templates.Messages) == 0 {
		t.Fatal("the table is empty")
	}
	return f
}

// Instants of the table are milliseconds, and may be 0, which here is never.
const origin = clock.Time(time.Hour)

func instant(ms float64) clock.Time { return origin + clock.Time(math.Round(ms*1e6)) }
func ms(at clock.Time) float64      { return float64(at-origin) / 1e6 }

// collector is an Events that writes down what it is told, as the table does.
type collector struct{ effects []map[string]any }

func (c *collector) add(kind string, fields map[string]any) {
	fields["kind"] = kind
	for name, v := range fields {
		if v == nil {
			delete(fields, name)
		}
	}
	c.effects = append(c.effects, fields)
}

func (c *collector) kinds() map[string]int {
	counts := map[string]int{}
	for _, effect := range c.effects {
		counts[effect["kind"].(string)]++
	}
	return counts
}

func (c *collector) Send(message []byte, binary bool, why Purpose) {
	frame := map[string]any{"text": string(message)}
	if binary {
		frame = map[string]any{"hex": hex.EncodeToString(message)}
	}
	c.add("send", map[string]any{"frame": frame, "purpose": why.String()})
}
func (c *collector) Ready() { c.add("ready", map[string]any{}) }
func (c *collector) SessionFailed(step string, why Fault, detail []byte) {
	c.add("session-failed", map[string]any{"step": step, "reason": why.String(), "detail": string(detail)})
}
func (c *collector) Invalid(why Fault, detail string) {
	c.add("invalid", map[string]any{"reason": why.String(), "detail": detail})
}
func (c *collector) Ignored() { c.add("unmatched", map[string]any{}) }
func (c *collector) Captured(name, value string) {
	c.add("captured", map[string]any{"name": name, "value": value})
}

// named is a collector that knows what the replies are called.
type named struct {
	*collector
	names []string
}

func (c *named) Replied(r *Reply) {
	fields := map[string]any{"name": c.names[r.Index], "id": string(r.ID)}
	if r.Outcome != Duplicate {
		fields["dueAt"] = ms(r.Due)
	}
	if r.Outcome == InTime || r.Outcome == Late {
		fields["at"] = ms(r.At)
	}
	if r.Outcome == InTime {
		fields["last"] = r.Last
		if r.Sent != 0 {
			fields["sentAt"] = ms(r.Sent)
		}
	}
	c.add(r.Outcome.String(), fields)
}

func (c *named) Delivered(d *Delivery) {
	text := func(b []byte) any {
		if b == nil {
			return nil
		}
		return string(b)
	}
	fields := map[string]any{"id": text(d.ID), "publisher": text(d.Publisher), "room": text(d.Room), "at": ms(d.At)}
	if d.Seq.Whole() {
		fields["seq"] = float64(d.Seq.Number)
	} else if d.Seq.Given() {
		fields["seq"] = string(d.Seq.Text)
	}
	if d.HasSentAt {
		fields["sentAtMs"] = d.SentAtMs + 0 // JSON of JavaScript has no -0
	}
	c.add("delivery", fields)
}

func (c *named) Failed(reason []byte, probe *Probe, missing uint16) {
	fields := map[string]any{"reason": string(reason)}
	if probe != nil {
		fields["id"], fields["dueAt"] = string(probe.ID), ms(probe.Due)
		names := []any{}
		for i, name := range c.names {
			if missing&(1<<i) != 0 {
				names = append(names, name)
			}
		}
		fields["names"] = names
	}
	c.add("error", fields)
}

func TestFixtures(t *testing.T) {
	f := load(t)
	for _, test := range f.Cases {
		t.Run(test.Name, func(t *testing.T) { runCase(t, &test, f.Descriptors[test.Descriptor]) })
	}
}

func runCase(t *testing.T, f *fixture, descriptor []byte) {
	p, err := Parse(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, name := range p.Variables {
		variables = append(variables, f.Init.Variables[name])
	}
	if path, err := p.Path(variables); err != nil || path != f.Path {
		t.Errorf("path %q, %v; want %q", path, err, f.Path)
	}
	offset := time.Duration(f.Init.UnixOffsetMs * 1e6)
	unix := func(at clock.Time) int64 { return int64(at-origin) + int64(offset) }
	in := p.NewInterpreter(time.Duration(f.Init.ReplyTimeoutMs*1e6), unix, Pieces{MessageBytes: f.Init.MessageBytes})
	init := Init{Variables: variables, Authenticate: f.Init.Authenticate}
	if f.Init.TokenExpiresAt != 0 {
		init.TokenExpires = instant(f.Init.TokenExpiresAt)
	}
	if f.Init.LastSeq != "" {
		init.Continues = continued(t, f.Init.LastSeq)
	}
	if f.Init.Captured != nil {
		init.Continues.in, init.Continues.values = in, make([]Value, len(p.names))
		for i, name := range p.names {
			if v, ok := f.Init.Captured[name]; ok && v.JSON[0] == '"' {
				init.Continues.values[i] = String(v.Text)
			} else if ok {
				init.Continues.values[i] = Number(v.JSON)
			}
		}
	}
	c := &Conversation{}
	if err := in.Begin(c, init); err != nil {
		t.Fatal(err)
	}
	for i, step := range f.Steps {
		got := &collector{effects: []map[string]any{}}
		for n := range max(step.Times, 1) {
			if err := step.perform(c, &named{got, p.Replies}, n); err != nil {
				t.Fatalf("step %d, %s: %v", i, step.Do, err)
			}
		}
		effects := any(got.effects)
		if step.Times > 0 {
			effects = got.kinds()
		}
		if got := asJSON(effects); got != asJSON(step.Effects) {
			t.Errorf("step %d, %s:\n got %s\nwant %s", i, step.Do, got, asJSON(step.Effects))
		}
		next := c.NextDue()
		if (next == 0) != (step.NextDue == nil) || next != 0 && ms(next) != *step.NextDue {
			t.Errorf("step %d, %s: next due at %v, want %s", i, step.Do, ms(next), asJSON(step.NextDue))
		}
	}
	end := map[string]any{"openProbes": float64(c.OpenProbes()), "ready": c.Ready()}
	if last := c.LastSeq(nil); len(last) > 0 {
		end["lastSeq"] = string(last)
	}
	if !reflect.DeepEqual(end, f.End) {
		t.Errorf("in the end %s, want %s", asJSON(end), asJSON(f.End))
	}
}

// perform does a step for the nth time.
func (s *fixtureStep) perform(c *Conversation, e Events, n int) error {
	numbered := func(text string) []byte {
		if s.Times > 0 {
			text = strings.ReplaceAll(text, "#", strconv.Itoa(n))
		}
		return []byte(text)
	}
	at, due := instant(s.At+float64(n)*s.Every), instant(s.DueAt+float64(n)*s.Every)
	read := at
	if s.HandledAt != nil {
		read = instant(*s.HandledAt)
	}
	switch s.Do {
	case "open":
		c.Open(e, at)
	case "receive":
		if s.Frame.Hex == nil {
			c.Receive(e, numbered(*s.Frame.Text), false, at, at, read)
			return nil
		}
		b, err := hex.DecodeString(*s.Frame.Hex)
		c.Receive(e, b, true, at, at, read)
		return err
	case "probe":
		return c.Probe(e, numbered(s.ID), []byte(s.Payload), due)
	case "sent":
		c.Sent(numbered(s.ID), at)
	case "publish":
		return c.Publish(e, numbered(s.ID), s.Seq, []byte(s.Payload), at)
	case "due":
		c.Due(e, at)
	case "setToken":
		expires := clock.Time(0)
		if s.ExpiresAt != 0 {
			expires = instant(s.ExpiresAt)
		}
		c.SetToken(s.Token, expires)
	case "drop":
		c.Drop(e, at)
	default:
		return fmt.Errorf("unknown %q", s.Do)
	}
	return nil
}

// continued is a Conversation whose last delivery had this sequence.
func continued(t *testing.T, lastSeq string) *Conversation {
	t.Helper()
	p, err := Parse([]byte(`{"name":"before","delivery":{"regex":"^","seq":""}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := &Conversation{}
	if err := p.NewInterpreter(time.Second, nil, Pieces{}).Begin(c, Init{}); err != nil {
		t.Fatal(err)
	}
	e := &named{&collector{}, nil}
	c.Open(e, origin)
	c.Receive(e, []byte(lastSeq), false, origin, origin, origin)
	if got := c.LastSeq(nil); string(got) != lastSeq {
		t.Fatalf("the one before kept %s, want %s", got, lastSeq)
	}
	return c
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestFixturesOfTemplates(t *testing.T) {
	f := load(t)
	expand := func(parts []part) string {
		var out []byte
		for i := range parts {
			p := &parts[i]
			if p.name == "" {
				out = append(out, p.literal...)
				continue
			}
			v := Value{}
			switch given := f.Templates.Variables[p.name].(type) {
			case string:
				v = String(given)
			case map[string]any:
				v = Number(given["number"].(string))
			}
			out = p.fill(out, []byte(v.Text), v.kind)
		}
		return string(out)
	}
	for _, test := range f.Templates.Messages {
		parsed, err := parseTemplate(test.Template, test.Delimiter)
		if (err != nil) != (test.Message == nil) {
			t.Errorf("%q by %q: %v, want %s", test.Template, test.Delimiter, err, asJSON(test.Message))
			continue
		}
		if got := expand(parsed.parts); err == nil && got != *test.Message {
			t.Errorf("%q by %q: got %q, want %q", test.Template, test.Delimiter, got, *test.Message)
		}
	}
	for _, test := range f.Templates.Paths {
		parsed, err := parsePathTemplate(test.Path)
		if got := expand(parsed.parts); err != nil || got != test.Expanded {
			t.Errorf("%q: got %q, %v; want %q", test.Path, got, err, test.Expanded)
		}
	}
}

func TestFixturesOfPatterns(t *testing.T) {
	for _, test := range load(t).Patterns {
		re, err := regexp.Compile(test.Pattern)
		if err != nil {
			t.Errorf("%q: %v", test.Pattern, err)
			continue
		}
		c := condition{regex: re, groups: re.SubexpNames()[1:]}
		var r reader
		r.load([]byte(test.Text), false)
		if matched := r.matches(&c); matched != (test.Groups != nil) {
			t.Errorf("%q on %q: matched is %v", test.Pattern, test.Text, matched)
			continue
		}
		for i, name := range c.groups {
			text, ok := r.group(locator{group: i + 1})
			if want := test.Groups[name]; test.Groups != nil && (ok != (want != nil) || ok && string(text) != *want) {
				t.Errorf("%q on %q: group %s is %q, %v", test.Pattern, test.Text, name, text, ok)
			}
		}
		if test.Rest != nil && test.Text[r.from:] != *test.Rest {
			t.Errorf("%q on %q: the rest is %q, want %q", test.Pattern, test.Text, test.Text[r.from:], *test.Rest)
		}
	}
}

func TestFixturesOfSources(t *testing.T) {
	for _, test := range load(t).Sources {
		r, where := newTestReader(t, test.Pointer)
		r.load([]byte(test.JSON), false)
		s := r.found(where)
		got := ""
		if s.kind != 0 && r.json() {
			got = string(r.body[s.start:s.end])
		}
		if (s.kind != 0) != (test.Source != nil) || test.Source != nil && got != *test.Source {
			t.Errorf("%s in %s: got %q, want %s", test.Pointer, test.JSON, got, asJSON(test.Source))
		}
	}
}

// newTestReader makes a reader that looks for one pointer.
func newTestReader(t *testing.T, pointer string) (*reader, locator) {
	t.Helper()
	p, err := Compile(&Descriptor{Name: "test", Delivery: OneOrMore[DeliverySpec]{{ID: &pointer}}})
	if err != nil {
		t.Fatal(err)
	}
	return &p.NewInterpreter(time.Second, nil, Pieces{}).reader, p.deliveries[0].id
}

// FuzzScan compares the scanner's verdict with the library's, and where it
// finds a value, what it says with what the library reads there.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,{"c":"x\u00e9\ud83d\ude00"}]},"a":{"b":2.5e-3}}`))
	f.Add([]byte(` [ {"b" : null}, true ] `))
	f.Add([]byte(`{"a":"\ud800"}`))
	p, err := Compile(&Descriptor{Name: "test", Delivery: OneOrMore[DeliverySpec]{{
		ID: new("/a/b"), Room: new("/0/b"), Publisher: new("")}}})
	if err != nil {
		f.Fatal(err)
	}
	r, rule := &p.NewInterpreter(time.Second, nil, Pieces{}).reader, &p.deliveries[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(withoutFrameEnd(b)) < len(b) {
			return // the end of a frame is taken off first
		}
		r.load(b, true)
		if !r.isText {
			return // which is not JSON, though the library takes it
		}
		want := json.Valid(b)
		if strings.Count(string(b), "[")+strings.Count(string(b), "{") < maxDepth && r.json() != want {
			t.Fatalf("%q: JSON is %v, want %v", b, !want, want)
		}
		var whole any
		if json.Unmarshal(b, &whole) != nil {
			return // or a number that Go cannot hold
		}
		var inA, in0 any
		if object, ok := whole.(map[string]any); ok {
			if a, ok := object["a"].(map[string]any); ok {
				inA = a["b"]
			}
			if zero, ok := object["0"].(map[string]any); ok {
				in0 = zero["b"]
			}
		}
		if array, ok := whole.([]any); ok && len(array) > 0 {
			if zero, ok := array[0].(map[string]any); ok {
				in0 = zero["b"]
			}
		}
		for _, test := range []struct {
			where locator
			want  any
		}{{rule.id, inA}, {rule.room, in0}, {rule.publisher, whole}} {
			text, kind := r.value(test.where)
			got := any(nil)
			switch s := r.found(test.where); {
			case s.kind == '"':
				got = string(text)
			case s.kind == '0':
				got = parseNumber(text)
			case kind == bareValue:
				got = string(text) == "true"
			default:
				continue // an object, an array, null or nothing
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Fatalf("%q: found %#v, want %#v", b, got, test.want)
			}
		}
	})
}

func TestFixturesOfAwaited(t *testing.T) {
	for _, test := range load(t).Awaited {
		if got := describeAwaited(&test.Condition); got != test.Words {
			t.Errorf("got %q, want %q", got, test.Words)
		}
	}
}

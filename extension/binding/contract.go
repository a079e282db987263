package binding

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/sobek"
	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/metrics"

	"xk6-realtime/engine"
	"xk6-realtime/engine/contract"
	"xk6-realtime/engine/swarm"
)

// contracts are those of a process, by their text: all virtual users share
// each.
type contracts struct {
	mu     sync.Mutex
	byText map[string]*sharedContract
}

// sharedContract is a contract, and what messages came to by it.
type sharedContract struct {
	*contract.Contract
	mu    sync.Mutex // guards what follows
	total *contract.Record
	sent  *contract.Record

	examples *contract.Examples // nil for none; has its own lock
}

// use compiles a contract, once for each text.
func (c *contracts) use(text string) (*sharedContract, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byText[text]; known != nil {
		return known, nil
	}
	compiled, err := contract.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	if c.byText == nil {
		c.byText = map[string]*sharedContract{}
	}
	shared := &sharedContract{
		Contract: compiled, total: compiled.NewRecord(), sent: compiled.NewRecord(), examples: compiled.NewExamples(),
	}
	c.byText[text] = shared
	return shared, nil
}

// contractObject is a Contract as a script holds it.
type contractObject struct {
	of     *instance
	shared *sharedContract
}

// newContract is the constructor of Contract, which takes what
// lib/contract/load.ts made, as JSON.
func (i *instance) newContract(call sobek.ConstructorCall) *sobek.Object {
	rt := i.vu.Runtime()
	shared, err := i.process.contracts.use(call.Argument(0).String())
	if err != nil {
		common.Throw(rt, err)
	}
	return rt.ToValue(&contractObject{i, shared}).(*sobek.Object)
}

// contractSession checks the messages of one connection of a script.
type contractSession struct {
	process        *process
	logger         logrus.FieldLogger
	shared         *sharedContract
	received, sent sideOfSession
	session        contract.Session
}

// sideOfSession checks the messages of one side.
type sideOfSession struct {
	checker *contract.Checker
	record  *contract.Record
}

// newSide is for a side whose valid messages may be kept, nil for none.
func newSide(c *contract.Contract, examples *contract.Examples) sideOfSession {
	record := c.NewRecord()
	checker := c.NewChecker(record)
	checker.Examples = examples
	return sideOfSession{checker, record}
}

// Open begins a connection, whose messages are then checked one by one.
func (c *contractObject) Open() (*contractSession, error) {
	state, err := c.of.state("Contract.open")
	if err != nil {
		return nil, err
	}
	s := &contractSession{process: c.of.process, logger: state.Logger, shared: c.shared}
	s.received = newSide(c.shared.Contract, c.shared.examples)
	if c.shared.ChecksSent {
		s.sent = newSide(c.shared.Contract, c.shared.examples)
		s.received.checker.Sent = s.sent.checker
	}
	return s, nil
}

// Check tells a message's kind and the rules that it breaks, separated by spaces; empty for one
// that needs no schema, "-" for one that was left out. A probe, and a message that answers it in
// time, have its identifier, others an empty one; such an answer has the name of the reply, too.
func (s *contractSession) Check(message sobek.Value, role, sender, probe, reply string) (string, error) {
	text, isText := message.Export().(string)
	if !isText && common.IsNullish(message) {
		return "", errors.New("Contract.check: expected a message, got nothing")
	}
	side, tell, total := s.received, describeBreach, s.shared.total
	if contract.Sender(sender) == contract.Client {
		if !s.shared.ChecksSent {
			if probe != "" && isText {
				s.received.checker.CheckProbe(&s.session, []byte(text), []byte(probe))
			}
			return "", nil
		}
		side, tell, total = s.sent, describeSent, s.shared.sent
	}
	switch from := contract.Sender(sender); {
	case probe == "" || !isText:
		side.checker.Check(&s.session, []byte(text), isText, role, from)
	case from == contract.Client:
		s.received.checker.CheckProbe(&s.session, []byte(text), []byte(probe))
	default:
		side.checker.CheckReply(&s.session, []byte(text), []byte(probe), reply)
	}
	said := s.said(side.record)
	if s.process.tellFindings(s.shared.Contract, side.record, tell) {
		s.process.notices.log(s.logger)
	}
	s.shared.add(side.record, total)
	return said, nil
}

func (s *contractSession) said(r *contract.Record) string {
	if r.Unchecked > 0 {
		return "-"
	}
	kind := slices.IndexFunc(r.Messages, func(n int64) bool { return n > 0 })
	if kind < 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString(s.shared.KindName(kind))
	for rule, name := range contract.Rules {
		if r.Breaches[kind*len(contract.Rules)+rule] > 0 {
			out.WriteString(" " + name)
		}
	}
	return out.String()
}

// Describe tells how a message that is to be sent would break the contract, a
// sentence each. Nothing counts it, and without a session it has no wrong time.
func (c *contractObject) Describe(message string) []string {
	side := newSide(c.shared.Contract, nil)
	side.checker.Check(nil, []byte(message), true, "", contract.Client)
	sentences := []string{}
	for _, found := range side.record.Findings() {
		sentences = append(sentences, describeSent(c.shared.KindName(found.Kind), &found.First))
	}
	slices.Sort(sentences)
	return sentences
}

// add keeps what happened for the whole run, and leaves the record empty.
func (s *sharedContract) add(r, total *contract.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.MoveTo(total)
}

// contractFigures are what messages came to so far.
type contractFigures struct {
	Messages  map[string]int64  `js:"messages"`
	Unchecked int64             `js:"unchecked"`
	Unseen    []string          `js:"unseen"`
	Findings  []contractFinding `js:"findings"`
	Sent      []contractFinding `js:"sent"` // of what this side sent
}

type contractFinding struct {
	Kind     string `js:"kind"`
	Rule     string `js:"rule"`
	At       string `js:"at"`
	Schema   string `js:"schema"`
	Expected string `js:"expected"`
	Found    string `js:"found"`
	Count    int64  `js:"count"`
}

// Figures is what messages of the process came to so far.
func (o *contractObject) Figures() contractFigures {
	c := o.shared
	c.mu.Lock()
	defer c.mu.Unlock()
	f := contractFigures{
		Messages: map[string]int64{}, Unchecked: c.total.Unchecked, Unseen: []string{},
		Findings: findingsOf(c.Contract, c.total), Sent: findingsOf(c.Contract, c.sent),
	}
	for kind, n := range c.total.Messages {
		f.Messages[c.KindName(kind)] = n
	}
	for i, seen := range c.total.Seen {
		if !seen {
			f.Unseen = append(f.Unseen, c.Items[i].Name)
		}
	}
	return f
}

func findingsOf(c *contract.Contract, r *contract.Record) []contractFinding {
	findings := []contractFinding{}
	all := r.Findings()
	slices.SortFunc(all, func(a, b *contract.Finding) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.First.Rule, b.First.Rule))
	})
	for _, found := range all {
		b := &found.First
		findings = append(findings, contractFinding{
			Kind: c.KindName(found.Kind), Rule: b.Rule.String(), At: b.At, Schema: b.Schema,
			Expected: b.Expected, Found: peerText(b.Found), Count: found.Count,
		})
	}
	return findings
}

// contractExample is a message that was kept.
type contractExample struct {
	Kind string `js:"kind"`
	From string `js:"from"`
	Role string `js:"role"`
	Text string `js:"text"`

	Exchange string `js:"exchange"`
}

// Examples are the first valid messages of each kind, as this process received
// or sent them, and then each exchange: a probe, and its reply. None where the
// contract is to keep none.
func (o *contractObject) Examples() []contractExample {
	examples := []contractExample{}
	add := func(e contract.Example, exchange string) {
		kind := ""
		if e.Kind != contract.NoKind {
			kind = o.shared.KindName(e.Kind)
		}
		examples = append(examples, contractExample{kind, string(e.Sender), e.Role, e.Text, exchange})
	}
	for _, e := range o.shared.examples.All() {
		add(e, "")
	}
	for _, x := range o.shared.examples.Exchanges() {
		add(x.Request, x.Name)
		add(x.Reply, x.Name)
	}
	return examples
}

// tellFindings says each way in which messages broke a contract once.
func (p *process) tellFindings(c *contract.Contract, r *contract.Record, tell func(kind string, b *contract.Breach) string) (isAny bool) {
	for _, found := range r.Findings() {
		b := &found.First
		sentence := tell(c.KindName(found.Kind), b)
		what, _, _ := strings.Cut(sentence, ":")
		p.notices.add(what+" "+c.KindName(found.Kind)+" "+b.Rule.String()+" "+b.Schema, sentence)
	}
	return len(r.Findings()) > 0
}

// describeBreach is describeBreach of lib/contract/findings.ts.
func describeBreach(kind string, b *contract.Breach) string {
	at := ""
	if b.At != "" {
		at = " " + peerText(b.At)
	}
	return fmt.Sprintf("contract: %s%s: expected %s, got %s (%s)", kind, at, b.Expected, peerText(b.Found), b.Rule)
}

// describeSent is describeSent of lib/contract/findings.ts.
func describeSent(kind string, b *contract.Breach) string {
	own := *b
	if strings.HasPrefix(own.Found, `"`) {
		own.Found = "a text"
	}
	return "contract, our own message" + strings.TrimPrefix(describeBreach(kind, &own), "contract")
}

// readContract takes what new Contract gave, nil for none.
func readContract(r *reader) *sharedContract {
	value, given := r.take("contract")
	if !given {
		return nil
	}
	c, ok := value.(*contractObject)
	if !ok {
		r.wrong("contract", "a Contract", value)
		return nil
	}
	return c.shared
}

// shardContract checks the messages of a shard.
type shardContract struct {
	*contract.Checking
	shared *sharedContract
	loops  []*engine.Loop
}

func newShardContract(e *engine.Engine, shared *sharedContract) *shardContract {
	if shared == nil {
		return nil
	}
	loops := e.Loops()
	return &shardContract{shared.NewChecking(len(loops), shared.examples), shared, loops}
}

// checking is nil where nothing is checked.
func (s *shardContract) checking() *contract.Checking {
	if s == nil {
		return nil
	}
	return s.Checking
}

// handler is for connections that are only held.
func (s *shardContract) handler(loop, _ int) swarm.Handler { return swarm.Checked(s.Loop(loop)) }

// push tells k6 what messages came to since the last time.
func (s *shardContract) push(r *recorder) {
	received, sent := s.Snapshot(func(loop int, take func()) { s.loops[loop].Look(take) })
	m := r.metrics
	r.contract(s.shared.Contract, received, m.ContractMessages, m.ContractViolations, m.ContractUnchecked)
	r.process.tellFindings(s.shared.Contract, received, describeBreach)
	s.shared.add(received, s.shared.total)
	if sent == nil {
		return
	}
	r.contract(s.shared.Contract, sent, m.ContractSentMessages, m.ContractSentViolations, m.ContractSentUnchecked)
	r.process.tellFindings(s.shared.Contract, sent, describeSent)
	s.shared.add(sent, s.shared.sent)
}

// contract tells k6 how messages kept to a contract.
func (r *recorder) contract(c *contract.Contract, record *contract.Record, messages, violations, unchecked *metrics.Metric) {
	b := batch{r: r, at: time.Now()}
	for kind, n := range record.Messages {
		b.count(messages, n, "kind", c.KindName(kind))
	}
	for i, n := range record.Breaches {
		kind, rule := i/len(contract.Rules), i%len(contract.Rules)
		b.count(violations, n, "kind", c.KindName(kind), "rule", contract.Rules[rule])
	}
	b.count(unchecked, record.Unchecked)
	b.push()
}

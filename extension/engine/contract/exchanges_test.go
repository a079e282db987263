package contract

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// exchanged are the exchanges, each in a line.
func exchanged(e *Examples) (lines []string) {
	for _, x := range e.Exchanges() {
		lines = append(lines, strings.Join([]string{x.Name, x.Request.Text, x.Reply.Text}, " "))
	}
	return lines
}

// keeping makes a Checker of a contract that keeps examples, and follows every
// probe.
func keeping(t *testing.T, spec string) (k *Checker, probe func(s *Session, text, id string)) {
	t.Helper()
	c, err := Parse([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	k = c.NewChecking(1, c.NewExamples()).Loop(0)
	return k, func(s *Session, text, id string) {
		k.Examples.exchanges.nextAt.Store(0)
		k.CheckProbe(s, []byte(text), []byte(id))
	}
}

func TestAProbeIsKeptWithItsFirstValidReplyOfEachName(t *testing.T) {
	k, probe := keeping(t, asked)
	reply := func(s *Session, text, id, name string) { k.CheckReply(s, []byte(text), []byte(id), name) }
	var one, other Session

	probe(&one, `{"t":"none"}`, "0") // of no kind of ours
	reply(&one, `{"t":"tell","n":0}`, "0", "answer")
	probe(&one, `{"t":"ask","id":1}`, "1")
	reply(&other, `{"t":"tell","n":1}`, "1", "answer")  // another connection's
	reply(&one, `{"t":"tell","n":2}`, "2", "answer")    // another probe's
	reply(&one, `{"t":"tell","n":"a"}`, "1", "answer")  // wrong type
	reply(&one, `{"t":"tell","n":3}`, "1", "answer")    // the first
	reply(&one, `{"t":"tell","n":4}`, "1", "answer")    // the second
	reply(&one, `{"t":"hello","n":5}`, "1", "greeting") // of another name
	probe(&other, `{"t":"ask","id":2}`, "2")
	reply(&other, `{"t":"tell","n":6}`, "2", "answer")

	want := []string{`answer {"t":"ask","id":1} {"t":"tell","n":3}`, `greeting {"t":"ask","id":1} {"t":"hello","n":5}`}
	if got := exchanged(k.Examples); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := kept(t, k.Examples, k.contract); got != nil {
		t.Errorf("beside the exchanges %q, want none", got)
	}
}

func TestAKindOfAReplyThatComesUnaskedIsKeptBesideItsExchange(t *testing.T) {
	k, probe := keeping(t, asked)
	var s Session
	k.Check(&s, []byte(`{"t":"tell","n":1}`), true, RoleDelivery, Server)
	probe(&s, `{"t":"ask"}`, "1")
	k.CheckReply(&s, []byte(`{"t":"tell","n":2}`), []byte("1"), "answer")
	want := []string{`server tell delivery {"t":"tell","n":1}`}
	if got := kept(t, k.Examples, k.contract); !slices.Equal(got, want) || len(k.Examples.Exchanges()) != 1 {
		t.Errorf("%q and %q, want %q and an exchange", got, exchanged(k.Examples), want)
	}
}

func TestAProbeThatTheContractDoesNotCheckHasNoKind(t *testing.T) {
	k, probe := keeping(t, strings.Replace(asked, `"checksSent": true`, `"checksSent": false`, 1))
	var s Session
	probe(&s, `what?`, "0") // no JSON: nothing could hide its secrets
	k.CheckReply(&s, []byte(`{"t":"tell","n":0}`), []byte("0"), "answer")
	probe(&s, `{"op":"what"}`, "1")
	k.CheckReply(&s, []byte(`{"t":"tell","n":1}`), []byte("1"), "answer")
	got := k.Examples.Exchanges()
	if len(got) != 1 || got[0].Request.Kind != NoKind || got[0].Request.Text != `{"op":"what"}` {
		t.Errorf("%+v", got)
	}
}

func TestOneProbeASecondIsFollowedForAMinute(t *testing.T) {
	k, probe := keeping(t, asked)
	var followed, not Session
	probe(&followed, `{"t":"ask"}`, "1")
	k.Examples.exchanges.nextAt.Store(math.MaxInt64) // that second lasts
	k.CheckProbe(&not, []byte(`{"t":"ask"}`), []byte("1"))
	k.CheckProbe(&followed, []byte(`{"t":"ask"}`), []byte("2"))
	if followed.followed == nil || string(followed.followed.id) != "1" || not.followed != nil {
		t.Errorf("%v and %v, want the first only", followed.followed, not.followed)
	}
	followed.followed.until = 0 // the minute is over
	k.CheckProbe(&followed, []byte(`{"t":"ask"}`), []byte("3"))
	if followed.followed != nil {
		t.Errorf("%v, want it forgotten", followed.followed)
	}
}

func TestExchangesCostNoAllocationBetweenProbesThatAreFollowed(t *testing.T) {
	k, probe := keeping(t, asked)
	var s Session
	ask, tell, id := []byte(`{"t":"ask"}`), []byte(`{"t":"tell","n":1}`), []byte("1")
	probe(&s, string(ask), "1")
	k.CheckReply(&s, tell, id, "answer")
	k.Examples.exchanges.nextAt.Store(math.MaxInt64)
	allocs := testing.AllocsPerRun(100, func() {
		k.CheckProbe(&s, ask, id)
		k.CheckReply(&s, tell, id, "answer")
	})
	if allocs != 0 || len(k.Examples.Exchanges()) != 1 {
		t.Errorf("%v allocations and %d exchanges, want 0 and 1", allocs, len(k.Examples.Exchanges()))
	}
}

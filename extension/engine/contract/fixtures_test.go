package contract

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// One table holds this checker and the one of TypeScript together.
const fixturesFile = "../../../lib/contract/fixtures.json"

type fixture struct {
	About    string
	Spec     Spec
	Sessions [][]fixtureMessage
	Unseen   []string
}

type fixtureMessage struct {
	Message  string
	Role     string
	Sender   Sender
	Kind     *string
	Breaches []fixtureBreach
}

type fixtureBreach struct{ Rule, At, Schema, Expected, Found string }

func fixtures(t testing.TB) (all []fixture) {
	t.Helper()
	text, err := os.ReadFile(fixturesFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFixtures(t *testing.T) {
	for _, f := range fixtures(t) {
		t.Run(f.About, func(t *testing.T) {
			c, err := Compile(&f.Spec)
			if err != nil {
				t.Fatal(err)
			}
			seen := c.NewRecord()
			for _, messages := range f.Sessions {
				record := c.NewRecord()
				sent := c.NewRecord()
				k, s := c.NewChecker(record), &Session{}
				k.Sent = c.NewChecker(sent)
				for _, m := range messages {
					k.slow, k.Sent.slow = budget{}, budget{} // what takes long on a busy machine is checked all the same
					if m.Sender == Client {
						k.Sent.Check(s, []byte(m.Message), true, m.Role, Client)
						checkFound(t, c, sent, m)
						sent.reset()
						continue
					}
					k.Check(s, []byte(m.Message), true, m.Role, Server)
					checkFound(t, c, record, m)
					record.MoveTo(seen)
					seen.findings = map[findingKey]*Finding{}
				}
			}
			var unseen []string
			for i, was := range seen.Seen {
				if !was {
					unseen = append(unseen, c.Items[i].Name)
				}
			}
			if !slices.Equal(unseen, f.Unseen) {
				t.Errorf("never seen: %q, want %q", unseen, f.Unseen)
			}
		})
	}
}

// checkFound compares what was found of one message.
func checkFound(t *testing.T, c *Contract, record *Record, want fixtureMessage) {
	t.Helper()
	kind := ""
	if i := slices.IndexFunc(record.Messages, func(n int64) bool { return n > 0 }); i >= 0 {
		kind = c.KindName(i)
	}
	wanted := ""
	if want.Kind != nil {
		wanted = *want.Kind
	}
	if kind != wanted {
		t.Errorf("%s: of kind %q, want %q", want.Message, kind, wanted)
	}
	rules := map[string]bool{}
	all := record.Findings()
	for _, b := range want.Breaches {
		rules[b.Rule] = true
		i := slices.IndexFunc(all, func(f *Finding) bool {
			is := f.First
			return fixtureBreach{is.Rule.String(), is.At, is.Schema, is.Expected, is.Found} == b
		})
		if i < 0 {
			t.Errorf("%s: does not break %+v", want.Message, b)
			continue
		}
		all = slices.Delete(all, i, i+1)
	}
	for _, f := range all {
		t.Errorf("%s: breaks %s, %+v", want.Message, f.First.Rule, f.First)
	}
	for i, n := range record.Breaches {
		// A message counts once for each rule.
		if broken := rules[Rules[i%len(Rules)]] && i/len(Rules) == slices.IndexFunc(record.Messages, func(n int64) bool { return n > 0 }); n != btoi(broken) {
			t.Errorf("%s: counts %d times for %s of kind %s", want.Message, n, Rules[i%len(Rules)], c.KindName(i/len(Rules)))
		}
	}
}

func btoi(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

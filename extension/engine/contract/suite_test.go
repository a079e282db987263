package contract

import (
	"encoding/json"
	"os"
	"testing"
)

// suiteGroup is a schema of the JSON Schema Test Suite, as lib/contract resolved
// it, with the messages to hold against it.
type suiteGroup struct {
	Spec  Spec
	Tests []json.RawMessage
}

// TestSuite is run by test/contracts/suite.test.ts, which names a file of groups,
// and one for the results: of each message whether it is valid, or why its schema
// is refused.
func TestSuite(t *testing.T) {
	from, to := os.Getenv("SUITE_GROUPS"), os.Getenv("SUITE_RESULTS")
	if from == "" {
		t.Skip("test/contracts/suite.test.ts runs it")
	}
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var groups []suiteGroup
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	results := make([][]any, len(groups))
	for i, g := range groups {
		c, err := Compile(&g.Spec)
		for _, text := range g.Tests {
			if err != nil {
				results[i] = append(results[i], "refused")
				continue
			}
			results[i] = append(results[i], judged(t, c, text))
		}
	}
	if text, err = json.Marshal(results); err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// judged tells whether a message is valid. The acceptor must not contradict.
func judged(t *testing.T, c *Contract, text []byte) bool {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	isValid := len(c.breaches(0, v)) == 0
	a := acceptor{}
	if said := a.accept(c.accept[0], text); said == valid && !isValid || said == invalid && isValid {
		t.Errorf("the acceptor says %v of %s, and the validator %v", said, text, isValid)
	}
	return isValid
}

package contract

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"xk6-realtime/engine/protocol/jsontext"
)

// Whatever the acceptor is sure of, the validator must say, too.
func TestAcceptorIsNeverSurelyWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	said := map[answer]int{}
	for _, f := range fixtures(t) {
		c, err := Compile(&f.Spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, messages := range f.Sessions {
			for _, m := range messages {
				for range 200 {
					checkAccepted(t, c, mutated(random, m.Message), said)
				}
			}
		}
	}
	for _, s := range []answer{unsure, valid, invalid} {
		if said[s] < 1_000 {
			t.Errorf("%d of %d answers are %d: the test says little", said[s], said[unsure]+said[valid]+said[invalid], s)
		}
	}
}

func checkAccepted(t *testing.T, c *Contract, text []byte, said map[answer]int) {
	t.Helper()
	isJSON := jsontext.Valid(text)
	var message any
	if isJSON && json.Unmarshal(text, &message) != nil {
		return // a number out of range
	}
	for kind, n := range c.accept {
		a := acceptor{}
		answer := a.accept(n, text)
		said[answer]++
		if answer == unsure {
			continue
		}
		if !isJSON && answer == valid {
			t.Fatalf("%s: valid, and no JSON", text)
		}
		if isJSON && (c.schemas[kind].Validate(message) == nil) != (answer == valid) {
			t.Fatalf("%s: of kind %s, the acceptor says %d, the validator something else", text, c.Kinds[kind].Name, answer)
		}
	}
}

// mutated is a message with something changed that often leaves it JSON.
func mutated(random *rand.Rand, message string) []byte {
	text := []byte(message)
	pieces := []string{`0`, `1`, `1.0`, `-1`, `1e2`, `"a"`, `""`, `null`, `true`, `[]`, `{}`, `"id":5,`, `"t":"answer",`, ` `, `\u0041`, `99999999999999999999`}
	for range random.IntN(3) {
		at := random.IntN(len(text) + 1)
		piece := pieces[random.IntN(len(pieces))]
		if random.IntN(2) == 0 { // in the place of a value
			for at < len(text) && text[at] != ':' && text[at] != ',' && text[at] != '[' {
				at++
			}
			if at++; at >= len(text) {
				continue
			}
			end := jsontext.Skip(text, at, 1)
			if end < 0 {
				end = at
			}
			text = append(append(append([]byte{}, text[:at]...), piece...), text[end:]...)
			continue
		}
		text = append(append(append([]byte{}, text[:at]...), piece...), text[at:]...)
	}
	return text
}

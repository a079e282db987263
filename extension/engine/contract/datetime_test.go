package contract

import (
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func dateTime(t testing.TB) *jsonschema.Format {
	t.Helper()
	c, err := Parse([]byte(orders))
	if err != nil {
		t.Fatal(err)
	}
	return c.accept[2].members["at"].node.format
}

func TestPlainDateTimes(t *testing.T) {
	format := dateTime(t)
	for text, want := range map[string]bool{
		"2026-11-30T15:00:00Z": true, "2026-01-31T23:59:59.5Z": true, "0000-02-28T00:00:00.123456789Z": true,
		// These are date-times, too, about which the format is asked.
		"2024-02-29T15:00:00Z": false, "2026-11-30T23:59:60Z": false, "2026-11-30t15:00:00z": false, "2026-11-30T15:00:00+01:00": false,
		// These are none.
		"2026-11-31T15:00:00Z": false, "2026-02-29T15:00:00Z": false, "2026-00-01T15:00:00Z": false, "2026-13-01T15:00:00Z": false,
		"2026-01-00T15:00:00Z": false, "2026-01-32T15:00:00Z": false, "2026-11-30T24:00:00Z": false, "2026-11-30T15:60:00Z": false,
		"2026-11-30T15:00:61Z": false, "2026-11-30T15:00:00.Z": false, "2026-11-30T15:00:00,5Z": false, "2026-11-30T15:00:00.5": false,
		"2026-11-30T15:00:00": false, "2026-11-30 15:00:00Z": false, "2026-11-30T15:00:0:Z": false, "Z": false, "": false,
	} {
		if got := isPlainDateTime([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if want && format.Validate(text) != nil {
			t.Errorf("%q: plain, and the format refuses it", text)
		}
	}
}

// What is plain is what the format takes, whatever is changed.
func TestPlainDateTimesAreDateTimes(t *testing.T) {
	format, random := dateTime(t), rand.New(rand.NewPCG(1, 2))
	const bytes = "0123456789-:.TZtz+ /"
	said := map[bool]int{}
	for range 200_000 {
		text := []byte("2026-11-30T15:00:00.25Z")
		for range random.IntN(4) {
			text[random.IntN(len(text))] = bytes[random.IntN(len(bytes))]
		}
		plain := isPlainDateTime(text)
		said[plain]++
		if plain && format.Validate(string(text)) != nil {
			t.Fatalf("%s: plain, and the format refuses it", text)
		}
	}
	if said[true] < 10_000 || said[false] < 10_000 {
		t.Errorf("%v: the test says little", said)
	}
}

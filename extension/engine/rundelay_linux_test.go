package engine

import "testing"

func TestOnceWoken(t *testing.T) {
	before := ranLate{delay: 7, turns: 3, rests: 2, ousted: 1}
	for _, row := range []struct {
		sentence string
		after    ranLate
		want     bool
	}{
		{"it rested and was woken", ranLate{delay: 9, turns: 4, rests: 3, ousted: 1}, true},
		{"it did not rest", ranLate{delay: 7, turns: 3, rests: 2, ousted: 1}, false},
		{"it was made to wait for a processor and did not rest", ranLate{delay: 9, turns: 4, rests: 2, ousted: 2}, false},
		{"it rested again", ranLate{delay: 9, turns: 5, rests: 4, ousted: 1}, false},
		{"it rested again, and the first turn is not in the account", ranLate{delay: 9, turns: 4, rests: 4, ousted: 1}, false},
		{"it was made to leave its processor, and the first turn is not in the account", ranLate{delay: 9, turns: 4, rests: 3, ousted: 2}, false},
		{"its turn is not in the account", ranLate{delay: 7, turns: 3, rests: 3, ousted: 1}, false},
	} {
		if got := onceWoken(before, row.after); got != row.want {
			t.Errorf("%s: %t, want %t", row.sentence, got, row.want)
		}
	}
}

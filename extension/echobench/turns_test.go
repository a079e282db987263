package echobench

import (
	"slices"
	"testing"
)

func TestTurns(t *testing.T) {
	for _, row := range []struct {
		sentence               string
		servers, cases, rounds int
		want                   []Turn
	}{
		{"in one round, a server after the other", 2, 2, 1, []Turn{{0, 0, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}}},
		{"in more, the servers in turn at each case", 2, 2, 2, []Turn{
			{0, 0, 1}, {1, 0, 1}, {1, 0, 2}, {0, 0, 2},
			{0, 1, 1}, {1, 1, 1}, {1, 1, 2}, {0, 1, 2},
		}},
		{"each round begins with another", 3, 1, 3, []Turn{
			{0, 0, 1}, {1, 0, 1}, {2, 0, 1}, {1, 0, 2}, {2, 0, 2}, {0, 0, 2}, {2, 0, 3}, {0, 0, 3}, {1, 0, 3},
		}},
	} {
		if got := slices.Collect(Turns(row.servers, row.cases, row.rounds)); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.sentence, got, row.want)
		}
	}
}

// A yardstick is taken for each case: their messages differ in size.
func TestEachCaseHasRoundsOfItsOwn(t *testing.T) {
	for _, row := range []struct{ servers, cases, rounds, want int }{{1, 3, 1, 3}, {2, 1, 1, 1}, {2, 3, 2, 6}, {3, 2, 3, 6}} {
		var last Turn
		got := 0
		for turn := range Turns(row.servers, row.cases, row.rounds) {
			if !turn.SameRound(last) {
				got++
			}
			last = turn
		}
		if got != row.want {
			t.Errorf("%+v: %d", row, got)
		}
	}
}

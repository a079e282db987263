package clock

import "testing"

func TestAWallReadingThatWasInterruptedIsRepeated(t *testing.T) {
	const right, late = 1_000_000_000, 1_000_000_000 - 4_000_000 // the thread lost its processor for 4 ms
	for _, row := range []struct {
		sentence string
		before   Wall
		read     []int64 // the offsets that reading gives
		want     int64
		reads    int
	}{
		{"the first has nothing to compare with", Wall{}, []int64{late}, late, 1},
		{"one like the last", Wall{1, right}, []int64{right - 500}, right - 500, 1},
		{"one that was interrupted", Wall{1, right}, []int64{late, right}, right, 2},
		{"two that were", Wall{1, right}, []int64{late, late - 1, right}, right, 3},
		{"a clock that was set back", Wall{1, right}, []int64{late, late, late, late}, late, 4},
		{"a clock that was set forward", Wall{1, late}, []int64{right}, right, 1},
	} {
		reads := 0
		got := row.before.again(func() Wall {
			reads++
			return Wall{2, row.read[reads-1]}
		})
		if got.offset != row.want || reads != row.reads {
			t.Errorf("%s: offset %d after %d readings, want %d after %d", row.sentence, got.offset, reads, row.want, row.reads)
		}
	}
}

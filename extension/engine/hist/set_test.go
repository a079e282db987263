package hist

import (
	"testing"
	"time"
)

func TestASetMovesWhatItHolds(t *testing.T) {
	const first, second, third = 0, 1, 2
	from, to := NewSet(3), NewSet(3)
	to.Of(second).Record(time.Second)
	from.Of(second).Record(3 * time.Second)
	from.Of(first) // made, and without a value
	from.MoveTo(to)
	held := to.Distributions()
	if held[first] != nil || held[third] != nil || held[second].Count != 2 || held[second].SumNs != 4e9 {
		t.Errorf("got %+v, want both values of the second and nothing else", held)
	}
	from.MoveTo(to)
	if taken := to.Take(); taken[second].Count != 2 {
		t.Errorf("took %d values, want 2: what has been moved is gone", taken[second].Count)
	}
	if left := to.Take(); left[second] != nil {
		t.Errorf("%+v is left after Take", left[second])
	}
}

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

func TestASetGivesBackWhatIsIdleAndKeepsTheRest(t *testing.T) {
	s, to := NewSet(2), NewSet(2)
	s.Of(0).Record(1)
	s.Of(1).Record(1)
	kept := s[1]
	for range 3 * patience {
		s.Of(1).Record(1)
		s.MoveTo(to)
	}
	if s[0] != nil {
		t.Error("a Histogram that has had nothing to tell for long is kept")
	}
	if s[1] != kept || to[1].Count() != 3*patience+1 || to[0].Count() != 1 {
		t.Errorf("%d and %d values were moved; was the Histogram in use kept: %v", to[0].Count(), to[1].Count(), s[1] == kept)
	}
	s.Of(0).Record(1)
	if s.MoveTo(to); to[0].Count() != 2 {
		t.Error("what a Histogram is made for anew is lost")
	}
}

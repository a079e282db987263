package tally

import (
	"maps"
	"testing"
)

type counts struct {
	Whole int64
	By    [2]int64
	Named map[string]int64
}

func TestAddAddsEveryNumber(t *testing.T) {
	to := counts{Whole: 1, By: [2]int64{2, 0}, Named: map[string]int64{"a": 3}}
	from := counts{Whole: 10, By: [2]int64{20, 30}, Named: map[string]int64{"a": 40, "b": 50}}
	Add(&to, &from)
	if to.Whole != 11 || to.By != [2]int64{22, 30} || !maps.Equal(to.Named, map[string]int64{"a": 43, "b": 50}) {
		t.Errorf("the sum is %+v", to)
	}
	if from.Whole != 10 || from.By != [2]int64{20, 30} || len(from.Named) != 2 {
		t.Errorf("what was added is now %+v", from)
	}
}

func TestSwapGivesWhatWasWritten(t *testing.T) {
	p := NewPair(func() *counts { return &counts{} })
	for round := int64(1); round < 5; round++ {
		p.Now.Whole += round
		written := p.Swap()
		if written.Whole != round || p.Now.Whole != 0 {
			t.Fatalf("round %d: %d written, %d in the other", round, written.Whole, p.Now.Whole)
		}
		written.Whole = 0
	}
}

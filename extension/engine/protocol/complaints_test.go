package protocol

import (
	"fmt"
	"slices"
	"testing"
)

func TestComplaintsAreToldOnceAndBounded(t *testing.T) {
	var heard []string
	k := &Complaints{Hear: func(i int, c Complaint) { heard = append(heard, fmt.Sprint(i, c)) }}
	for range 3 {
		k.Failed(1, []byte("room full"))
		k.SessionFailed(2, "session[0]", []byte("room full"))
		k.Invalid(3, Contract, "delivery with an unusable seq")
		k.Invalid(4, Unparsable, "delivery with an unusable seq")
	}
	want := []string{
		"1 {error_reply  room full}", "2 {session session[0] room full}",
		"3 {contract  delivery with an unusable seq}", "4 {unparsable  delivery with an unusable seq}",
	}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	heard = nil
	for i := range 1_000 {
		k.Failed(1, fmt.Append(nil, "request ", i, " was refused"))
	}
	if len(heard) != mostComplaints-1 {
		t.Errorf("heard %d more wordings, want %d", len(heard), mostComplaints-1)
	}
}

func TestComplaintsHeardBeforeNeedNoMemory(t *testing.T) {
	k := &Complaints{Hear: func(int, Complaint) {}}
	words := []byte("too many requests, try again")
	if n := testing.AllocsPerRun(100, func() {
		k.Failed(1, words)
		k.SessionFailed(1, "", words)
		k.Invalid(1, Unmatched, "a message that the descriptor says nothing of")
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	(&Complaints{}).Failed(1, words) // nobody hears
}

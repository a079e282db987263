package protocol

import (
	"errors"
	"fmt"
	"maps"
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
		k.Invalid(1, Unmatched, "a message that the descriptor does not describe")
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	(&Complaints{}).Failed(1, words) // nobody hears
}

func TestTheFirstUnsentMessageOfEachReasonIsTold(t *testing.T) {
	var heard []string
	k := &Complaints{HearUnsent: func(reason string, why error) { heard = append(heard, reason+" "+why.Error()) }}
	var counted Untaken
	for _, why := range []error{
		errors.New("port 1"), errors.New("port 2"), fmt.Errorf("%w: http_503", ErrRefused), ErrNotReady,
		fmt.Errorf("%w: http_502", ErrProxy), fmt.Errorf("%w: no ports", ErrExhausted), fmt.Errorf("%w: http_500", ErrRefused),
	} {
		k.Unsent(why)
		counted.Count(why)
	}
	want := []string{"unsent port 1", "error_reply " + ErrRefused.Error() + ": http_503",
		"proxy " + ErrProxy.Error() + ": http_502", "generator " + ErrExhausted.Error() + ": no ports"}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	each := map[string]int64{}
	counted.Each(func(reason string, n int64) { each[reason] = n })
	if want := map[string]int64{"unsent": 3, "error_reply": 2, "proxy": 1, "generator": 1}; !maps.Equal(each, want) {
		t.Errorf("counted %v, want %v", each, want)
	}
	(&Complaints{}).Unsent(ErrRefused) // nobody hears
}

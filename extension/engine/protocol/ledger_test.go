package protocol

import (
	"strconv"
	"strings"
	"testing"

	"xk6-realtime/engine/clock"
)

// At 20,000 messages a second an object for each ID would be most of what the
// collector marks.
func TestIDsOfProbesShareMemory(t *testing.T) {
	const probes = 256
	var id []byte
	allocs := testing.AllocsPerRun(10, func() {
		var l ledger
		for i := range probes {
			id = strconv.AppendInt(id[:0], int64(i), 10)
			l.add(id, 1, clock.Time(1_000_000+i), nil)
		}
	})
	if allocs > probes/8 {
		t.Errorf("%v objects for %d probes, want some for each time that the ring grows", allocs, probes)
	}
}

func TestIDsOfAnyLengthStayApart(t *testing.T) {
	var l ledger
	idOf := func(i int) []byte { return []byte(strings.Repeat("x", i*7%50) + strconv.Itoa(i)) }
	for i := range 3 * kept {
		l.add(idOf(i), clock.Time(i), clock.Time(1_000_000+i), nil)
		for earlier := range i + 1 {
			if p := l.byID(idOf(earlier)); p == nil || p.Due != clock.Time(earlier) {
				t.Fatalf("after %d probes: ID %q gives %v, want the probe due at %d", i+1, idOf(earlier), p, earlier)
			}
		}
	}
}

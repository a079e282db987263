package swarm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"xk6-realtime/engine/clock"
)

func TestRetriesComeInTheOrderTheyFallDue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h retries
	var want []retry
	for round := range 2000 {
		if random.IntN(3) > 0 {
			r := retry{at: clock.Time(random.IntN(50)), failed: random.IntN(2) == 0}
			h.add(r)
			r.turn = h.turn
			want = append(want, r)
			slices.SortStableFunc(want, func(a, b retry) int { return int(a.at - b.at) })
		}
		first := h.first()
		if (first == nil) != (len(want) == 0) {
			t.Fatalf("round %d: first is %v of %d", round, first, len(want))
		}
		if first == nil || random.IntN(3) > 0 {
			continue
		}
		if got := h.take(); got != want[0] || len(h.due) != len(want)-1 {
			t.Fatalf("round %d: took %+v and left %d, want %+v of %d", round, got, len(h.due), want[0], len(want))
		}
		want = want[1:]
	}
}

func BenchmarkManyDropAtOnce(b *testing.B) {
	const drops = 50_000
	random := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		var h retries
		for range drops {
			h.add(retry{at: clock.Time(random.IntN(1 << 30))})
		}
	}
}

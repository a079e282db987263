package ledger

import (
	"math/rand/v2"
	"testing"

	"xk6-realtime/engine/clock"
)

// audience is subscribers of one room on two loops.
type audience struct {
	room *Room
	ears [2]*Ear
	all  []*Subscription
}

func newAudience(subscribers, remember int) *audience {
	a := &audience{room: NewRoom(1, remember)}
	a.room.Listen()
	for i := range a.ears {
		a.ears[i] = a.room.NewEar()
	}
	for range subscribers {
		a.join()
	}
	return a
}

func (a *audience) join() *Subscription {
	s := &Subscription{}
	a.room.Subscribe(s)
	s.Confirm()
	a.all = append(a.all, s)
	return s
}

func (a *audience) hear(subscriber int, key uint64, at clock.Time) Heard {
	s := a.all[subscriber]
	s.Credit()
	return a.ears[subscriber%2].Deliver(s, key, at)
}

// The second hears it on another loop just when the first, who knew of no credit
// yet, hears it again.
func TestARepetitionIsOneWhoeverElseHearsItMeanwhile(t *testing.T) {
	a := newAudience(2, 64)
	a.hear(0, 7, 100)
	if due := a.all[0].Credit(); due != 0 {
		t.Fatalf("credited with %d before anybody else heard it", due)
	}
	a.hear(1, 7, 110)
	if h := a.ears[0].Deliver(a.all[0], 7, 111); !h.Duplicate || h.Credited != 1 {
		t.Errorf("the first hears it again: %+v, want a repetition, and 1 credited", h)
	}
	if due := a.all[0].Credit(); due != 0 {
		t.Errorf("credited with %d more", due)
	}
}

func TestWhatTwoHearIsDueToAll(t *testing.T) {
	a := newAudience(4, 64)
	if h := a.hear(0, 7, 100); !h.Unshared {
		t.Errorf("the first to hear it: %+v", h)
	}
	if h := a.hear(0, 7, 101); !h.Duplicate {
		t.Errorf("the first hears it again before anybody else: %+v", h)
	}
	if h := a.hear(1, 7, 110); !h.Due || h.First != 100 {
		t.Errorf("the second: %+v, want it due and first heard at 100", h)
	}
	if due := a.all[0].Credit(); due != 1 || a.all[0].Credit() != 0 {
		t.Errorf("the first is credited with %d, want 1, once", due)
	}
	if h := a.hear(0, 7, 120); !h.Duplicate {
		t.Errorf("the first hears it again: %+v", h)
	}
	if h := a.hear(2, 7, 130); !h.Due || h.First != 100 {
		t.Errorf("the third: %+v", h)
	}
	for i, want := range []bool{false, false, false, true} {
		if got := a.all[i].Outstanding(); got != want {
			t.Errorf("subscriber %d awaits it: %v, want %v", i, got, want)
		}
	}
	late := a.join()
	if h := a.hear(4, 7, 140); !h.Early || late.Outstanding() {
		t.Errorf("one that joined later: %+v, awaits it: %v", h, late.Outstanding())
	}
	if lost := a.all[3].PassedOver(100); lost != 0 {
		t.Errorf("%d passed over before anything later came", lost)
	}
	if lost := a.all[3].PassedOver(101); lost != 1 {
		t.Errorf("%d passed over long after, want 1", lost)
	}
	a.hear(0, 8, 150)
	a.hear(3, 8, 150)
	if lost := a.all[3].PassedOver(0); lost != 1 {
		t.Errorf("%d passed over by a later one, want 1", lost)
	}
}

// Whatever order subscribers are read in, what is kept from one of them is what
// it misses.
func TestLossesAreFoundInAnyOrder(t *testing.T) {
	const subscribers, publications = 6, 400
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		a := newAudience(subscribers, 512)
		kept := make([]uint64, subscribers)
		next := make([]uint64, subscribers)
		for read := 0; read < subscribers*publications; read++ {
			i := random.IntN(subscribers)
			for next[i] == publications {
				i = (i + 1) % subscribers
			}
			key := next[i]
			next[i]++
			if i > 0 && key < publications-1 && random.IntN(4) == 0 && key%uint64(subscribers) == uint64(i) {
				kept[i]++ // no other misses it
			} else if h := a.hear(i, key, clock.Time(read+1)); h.Duplicate || h.Forgotten {
				t.Fatalf("subscriber %d, publication %d: %+v", i, key, h)
			}
		}
		for i, s := range a.all {
			s.Credit()
			if got := s.PassedOver(clock.Time(subscribers*publications + 1)); got != kept[i] {
				t.Errorf("subscriber %d misses %d, want %d", i, got, kept[i])
			}
		}
	}
}

func TestSubscribersThatHearTheirOwnAreNotCompared(t *testing.T) {
	a := newAudience(2, 64)
	a.hear(0, 1, 1)
	a.hear(1, 1, 1)
	for n := range uint64(10 * enoughToTell) {
		if h := a.hear(int(n%2), 100+n, 2); !h.Unshared {
			t.Fatalf("%d: %+v", n, h)
		}
	}
	if !a.room.heard.apart.Load() {
		t.Error("they are still compared")
	}
	if a.all[0].PassedOver(1e9) != 0 || a.all[0].Outstanding() {
		t.Error("something is due to them")
	}
}

func TestTooManyAtOnceAreForgottenAndTold(t *testing.T) {
	a := newAudience(2, 64)
	a.room.Forgotten(1000, 500)
	for n := range uint64(100) {
		a.hear(0, n, 900)
	}
	if got := a.room.Forgotten(1000, 500); got != 36 {
		t.Errorf("%d were forgotten within the time, want 36 of 100", got)
	}
	for n := range uint64(100) {
		a.hear(0, 1000+n, 400) // long ago
	}
	if got := a.room.Forgotten(1000, 500); got != 64 {
		t.Errorf("%d were forgotten within the time, want the 64 of before", got)
	}
	if entries := len(a.room.heard.entries); entries != 64 {
		t.Errorf("%d are remembered, want 64", entries)
	}
}

func TestAPublicationTakesNoMemoryPerDelivery(t *testing.T) {
	a := newAudience(100, 64)
	key := uint64(0)
	all := func() {
		key++
		for i := range a.all {
			a.hear(i, key, clock.Time(key))
		}
	}
	for range 200 {
		all()
	}
	if allocated := testing.AllocsPerRun(200, all); allocated > 5 {
		t.Errorf("%v allocations for a publication to a hundred", allocated)
	}
}

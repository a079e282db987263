package engine

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
)

type bell struct {
	places [2]int32
	rang   *[]clock.Time
	at     [2]clock.Time
}

func (b *bell) place(kind uint8) *int32 { return &b.places[kind] }
func (b *bell) due(kind uint8, _ clock.Time) {
	*b.rang = append(*b.rang, b.at[kind])
}

// Any order of setting, moving and stopping must ring what is left in order.
func TestTimersRingInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var h timers
		var rang []clock.Time
		bells := make([]bell, 50)
		for range 300 {
			b, kind := &bells[random.IntN(len(bells))], uint8(random.IntN(2))
			b.rang = &rang
			if random.IntN(4) == 0 {
				h.stop(b, kind)
				b.at[kind] = 0
			} else {
				b.at[kind] = clock.Time(1 + random.IntN(1000))
				h.set(b, kind, b.at[kind])
			}
		}
		var want []clock.Time
		for i := range bells {
			for _, at := range bells[i].at {
				if at != 0 {
					want = append(want, at)
				}
			}
		}
		slices.Sort(want)
		if next := h.next(); len(want) > 0 && next != want[0] {
			t.Fatalf("round %d: next is %d, want %d", round, next, want[0])
		}
		h.fire(500)
		h.fire(1000)
		if next := h.next(); next != 0 {
			t.Fatalf("round %d: %d is still set", round, next)
		}
		if !slices.Equal(rang, want) {
			t.Fatalf("round %d: rang %v, want %v", round, rang, want)
		}
	}
}

func TestAlarm(t *testing.T) {
	url := rawPeer(t, upgraded(untilGone))
	onEachTransport(t, func(t *testing.T, o Options) {
		e, w := start(t, o), newWitness(t)
		dial(t, e, url, w)
		c := w.next("opened").conn
		var due clock.Time
		do(c, func() {
			c.SetAlarm(clock.Now().Add(time.Hour))
			due = clock.Now().Add(time.Millisecond)
			c.SetAlarm(due)
		})
		w.next("alarm")
		if now := clock.Now(); now < due {
			t.Errorf("rang %v early", due.Sub(now))
		}
	})
}

// again is a bell that sets itself anew for the same time.
type again struct {
	h     *timers
	set   int32
	rings int
}

func (a *again) place(uint8) *int32 { return &a.set }
func (a *again) due(_ uint8, now clock.Time) {
	a.rings++
	a.h.set(a, 0, now)
}

func TestATimerThatIsSetByItsRingWaitsForTheNextTurn(t *testing.T) {
	var h timers
	a := &again{h: &h}
	h.set(a, 0, 10)
	for turn, now := range []clock.Time{9, 10, 20, 30} {
		h.fire(now)
		if a.rings != turn {
			t.Fatalf("at %d it has rung %d times, want %d", now, a.rings, turn)
		}
	}
}

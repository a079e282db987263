package engine

import (
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/wire"
)

// lookAt is a look at an instant, by a wall clock that shows the same number.
func (a *arrivals) lookAt(at clock.Time) { a.wall = clock.Wall{Read: at} }

func TestWhatWasReadBeforeBoundsWhatIsReadNext(t *testing.T) {
	type round struct {
		at   clock.Time
		told int
	}
	const room, sockets = 4, 10
	for _, row := range []struct {
		sentence string
		rounds   []round
		since    clock.Time
	}{
		{"before the first look nothing is known", nil, 0},
		{"a look that tells all", []round{{100, 1}}, 100},
		{"a look that finds nothing", []round{{100, 0}}, 100},
		{"each look that tells all", []round{{100, 1}, {200, 3}}, 200},
		{"a full look may leave some out", []round{{100, 4}}, 0},
		{"until one tells the rest", []round{{100, 4}, {200, 3}}, 200},
		{"or all have had their turn since it", []round{{100, 4}, {200, 4}, {300, 4}}, 100},
		{"full looks for ever move on in steps", []round{{100, 4}, {200, 4}, {300, 4}, {400, 4}, {500, 4}}, 300},
		{"a full look after one that told all", []round{{100, 2}, {200, 4}}, 100},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			var a arrivals
			for _, r := range row.rounds {
				a.lookAt(r.at)
				a.handled(r.told, room, sockets)
			}
			if a.since != row.since {
				t.Errorf("what is unread came at %d or later, want %d", a.since, row.since)
			}
		})
	}
	var few arrivals
	few.lookAt(100)
	few.handled(4, 4, 4)
	if few.since != 100 {
		t.Errorf("a full look at all sockets there are: since %d, want 100", few.since)
	}
}

func TestAWaitThatSomethingEndsBoundsIt(t *testing.T) {
	var a arrivals
	a.lookAt(100)
	a.handled(0, 4, 10)
	if a.woken(0); a.since != 100 { // not known
		t.Errorf("since %d, want 100", a.since)
	}
	if a.woken(250); a.since != 250 {
		t.Errorf("since %d, want 250", a.since)
	}
}

func TestAStampIsBelievedWhereItCanBeTrue(t *testing.T) {
	const since, now = clock.Time(100 * time.Second), clock.Time(300 * time.Second)
	arrival := func(since, at, read clock.Time) wire.Arrival { return wire.Arrival{Since: since, At: at, Read: read} }
	second := func(s float64) clock.Time { return clock.Time(s * float64(time.Second)) }
	for _, row := range []struct {
		sentence string
		stamp    clock.Time
		want     wire.Arrival
		exact    bool
	}{
		{"between the bounds", second(200), arrival(since, second(200), now), true},
		{"none", 0, arrival(since, now, now), false},
		{"from the future", second(301), arrival(since, now, now), false},
		{"from right before the packet reached the socket", since - 1, arrival(since-1, since-1, now), true},
		{"of a packet that overtook one which was lost", second(50), arrival(second(50), now, now), false},
	} {
		var a arrivals
		a.lookAt(second(250))
		if got, exact := a.of(int64(row.stamp), since, now); got != row.want || exact != row.exact {
			t.Errorf("%s: got %+v, exact %v, want %+v, %v", row.sentence, got, exact, row.want, row.exact)
		}
	}
}

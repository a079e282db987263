package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/ledger"
)

func subscribed(r *ledger.Room) *ledger.Subscription {
	s := &ledger.Subscription{}
	r.Subscribe(s)
	return s
}

func confirmed(r *ledger.Room) *ledger.Subscription {
	s := subscribed(r)
	s.Confirm()
	return s
}

func publish(s *ledger.Stream, n int) {
	for range n {
		s.Publish(0)
	}
}

func TestDeliver(t *testing.T) {
	due := ledger.Arrival{Due: true}
	late := ledger.Arrival{Due: true, Reordered: true}
	again := ledger.Arrival{Duplicate: true}
	foreign := ledger.Arrival{Foreign: true}
	for _, row := range []struct {
		sentence  string
		published int
		come      []uint64
		arrivals  []ledger.Arrival
		lost      uint64
	}{
		{"all in order", 3, []uint64{0, 1, 2}, []ledger.Arrival{due, due, due}, 0},
		{"none at all", 3, nil, nil, 3},
		{"one in the middle never comes", 3, []uint64{0, 2}, []ledger.Arrival{due, due}, 1},
		{"the last never comes", 3, []uint64{0, 1}, []ledger.Arrival{due, due}, 1},
		{"one comes after its successor", 3, []uint64{0, 2, 1}, []ledger.Arrival{due, due, late}, 0},
		{"one comes twice", 2, []uint64{0, 0, 1}, []ledger.Arrival{due, again, due}, 0},
		{"a late one comes twice", 3, []uint64{2, 0, 0, 1}, []ledger.Arrival{due, late, again, late}, 0},
		{"a gap is filled from its middle", 6, []uint64{5, 2, 1, 3}, []ledger.Arrival{due, late, late, late}, 2},
		{"a number that was never published", 2, []uint64{0, 7, 1}, []ledger.Arrival{due, foreign, due}, 0},
		{"a number past all counting", 1, []uint64{1<<64 - 1}, []ledger.Arrival{foreign}, 1},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			room := ledger.NewRoom(1, 16)
			s := confirmed(room)
			publish(room.Streams()[0], row.published)
			for i, sequence := range row.come {
				if got := s.Deliver(0, sequence); got != row.arrivals[i] {
					t.Errorf("delivery %d, of %d: got %+v, want %+v", i, sequence, got, row.arrivals[i])
				}
			}
			if got := s.Lost(); got != row.lost {
				t.Errorf("lost: got %d, want %d", got, row.lost)
			}
			if got, want := s.Complete(), row.lost == 0; got != want {
				t.Errorf("complete: got %v, want %v", got, want)
			}
		})
	}
}

func TestWhatIsDueDependsOnWhoWasThere(t *testing.T) {
	room := ledger.NewRoom(1, 64)
	stream := room.Streams()[0]
	publish(stream, 10) // 0-9: before the subscription
	s := subscribed(room)
	publish(stream, 5) // 10-14: requested, not confirmed
	s.Confirm()
	publish(stream, 5) // 15-19: due
	s.Leave()
	publish(stream, 5) // 20-24: leaving
	for _, row := range []struct {
		sentence string
		sequence uint64
		want     ledger.Arrival
	}{
		{"from before the subscription", 9, ledger.Arrival{Early: true}},
		{"from before the confirmation", 11, ledger.Arrival{}},
		{"the same again", 11, ledger.Arrival{Duplicate: true}},
		{"the first that is due", 15, ledger.Arrival{Due: true}},
		{"the last that is due", 19, ledger.Arrival{Due: true}},
		{"from after leaving began", 20, ledger.Arrival{}},
	} {
		if got := s.Deliver(0, row.sequence); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.sentence, got, row.want)
		}
	}
	if got := s.Lost(); got != 3 {
		t.Errorf("lost: got %d, want 16, 17 and 18", got)
	}
	for sequence, want := range map[uint64]int32{9: 0, 14: 0, 15: 1, 19: 1, 20: 0} {
		if got, known := stream.Audience(sequence); got != want || !known {
			t.Errorf("audience of %d: got %d, known %v, want %d", sequence, got, known, want)
		}
	}
}

// A publication that the server has not answered yet may still come, and is waited for. It is not
// lost, and one that was refused is not even waited for.
func TestWhatTheServerDidNotTakeIsNotLost(t *testing.T) {
	room := ledger.NewRoom(1, 16)
	stream, s := room.Streams()[0], confirmed(room)
	spreads := stream.NewSpreads(time.Second)
	publish(stream, 4)
	for sequence := range uint64(4) {
		stream.Await(sequence)
	}
	look := func(sentence string, lost uint64, complete bool) {
		t.Helper()
		if s.Lost() != lost || s.Complete() != complete {
			t.Errorf("%s: got lost %d, complete %v, want %d, %v", sentence, s.Lost(), s.Complete(), lost, complete)
		}
	}
	look("all without an answer", 0, false)
	stream.Answered(1, false)
	stream.Answered(2, true)
	look("one taken", 1, false)
	s.Deliver(0, 2)
	look("which came", 0, false)
	stream.Answered(3, false)
	stream.Answered(0, false)
	look("the others refused", 0, true)
	if s.Deliver(0, 1) != (ledger.Arrival{Due: true, Reordered: true}) {
		t.Error("one that was refused, and came all the same, is no other delivery")
	}
	n := 0
	if forgotten := spreads.Settle(clock.Time(time.Minute), func(time.Duration) { n++ }); n != 1 || forgotten != 0 {
		t.Errorf("got %d spreads, %d forgotten, want that of the one that was taken", n, forgotten)
	}
}

func TestStreamsOfARoomAreApart(t *testing.T) {
	room := ledger.NewRoom(2, 16)
	s := confirmed(room)
	publish(room.Streams()[0], 2)
	publish(room.Streams()[1], 1)
	s.Deliver(1, 0)
	s.Deliver(0, 1)
	if got := s.Lost(); got != 1 {
		t.Errorf("lost: got %d, want 1", got)
	}
	if got := s.Deliver(2, 0); !got.Foreign {
		t.Errorf("a stream that is not there: got %+v", got)
	}
}

func TestASubscriberThatWasNeverConfirmedIsOwedNothing(t *testing.T) {
	room := ledger.NewRoom(1, 16)
	s := subscribed(room)
	publish(room.Streams()[0], 3)
	s.Leave()
	s.Confirm() // comes too late
	publish(room.Streams()[0], 3)
	if got := s.Lost(); got != 0 {
		t.Errorf("lost: got %d, want 0", got)
	}
	if got, _ := room.Streams()[0].Audience(5); got != 0 {
		t.Errorf("audience: got %d, want 0", got)
	}
}

// A server that loses, repeats and reorders at random, subscribers that come
// and go: the ledger's counts are those of the server.
func TestCountsAreTheServersOwn(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			room := ledger.NewRoom(1+random.IntN(3), 16)
			type subscriber struct {
				*ledger.Subscription
				inbox [][2]uint64 // stream and sequence, to come
				done  map[[2]uint64]int
				top   map[uint64]uint64 // highest that came, plus one
			}
			var there, gone []*subscriber
			var lost, duplicated, reordered, wantLost, wantDuplicated, wantReordered uint64
			flush := func(s *subscriber) {
				for _, m := range s.inbox {
					switch {
					case s.done[m] > 0:
						wantDuplicated++
					case m[1]+1 < s.top[m[0]]:
						wantReordered++
					}
					s.done[m]++
					s.top[m[0]] = max(s.top[m[0]], m[1]+1)
					a := s.Deliver(int(m[0]), m[1])
					if a.Duplicate {
						duplicated++
					}
					if a.Reordered {
						reordered++
					}
				}
				s.inbox = nil
			}
			for range 400 {
				switch action := random.IntN(10); {
				case action == 0 && len(there) < 8:
					s := &subscriber{Subscription: subscribed(room), done: map[[2]uint64]int{}, top: map[uint64]uint64{}}
					s.Confirm()
					there = append(there, s)
				case action == 1 && len(there) > 0:
					i := random.IntN(len(there))
					there[i].Leave()
					gone = append(gone, there[i])
					there = slices.Delete(there, i, i+1)
				case action < 4:
					for _, s := range append(slices.Clone(there), gone...) {
						random.Shuffle(len(s.inbox), func(i, j int) {
							if random.IntN(4) == 0 {
								s.inbox[i], s.inbox[j] = s.inbox[j], s.inbox[i]
							}
						})
						flush(s)
					}
				default:
					stream := random.IntN(len(room.Streams()))
					sequence := room.Streams()[stream].Publish(0)
					if fate := random.IntN(8); fate < 3 {
						room.Streams()[stream].Await(sequence)
						if fate > 0 {
							room.Streams()[stream].Answered(sequence, fate == 2)
						}
						if fate < 2 {
							continue
						}
					}
					for _, s := range there {
						copies := 1
						if chance := random.IntN(20); chance == 0 {
							copies = 0
							wantLost++
						} else if chance == 1 {
							copies = 2
						}
						for range copies {
							s.inbox = append(s.inbox, [2]uint64{uint64(stream), sequence})
						}
					}
				}
			}
			for _, s := range append(there, gone...) {
				flush(s)
				s.Leave()
				lost += s.Lost()
			}
			got := [3]uint64{lost, duplicated, reordered}
			if want := [3]uint64{wantLost, wantDuplicated, wantReordered}; got != want {
				t.Errorf("lost, duplicated, reordered: got %v, want %v", got, want)
			}
		})
	}
}

func TestWhatWasDueLateIsNotLostYet(t *testing.T) {
	room := ledger.NewRoom(1, 4) // of the ten publications, it remembers the last four
	s := confirmed(room)
	for due := range clock.Time(10) {
		room.Streams()[0].Publish(due)
	}
	s.Deliver(0, 0)
	s.Deliver(0, 8)
	for _, row := range []struct {
		sentence string
		at       clock.Time
		lost     uint64
	}{
		{"after all were due", 100, 8},
		{"the last was not due yet", 9, 7},
		{"one that came was not due yet either", 8, 7},
		{"the first of those remembered was not due yet", 6, 5},
		{"what is forgotten was due long ago", 2, 5},
	} {
		if lost := s.LostBefore(row.at); lost != row.lost {
			t.Errorf("%s: %d are lost, want %d", row.sentence, lost, row.lost)
		}
	}
}

func TestSpread(t *testing.T) {
	const timeout = time.Second
	ms := func(n int) clock.Time { return clock.Time(n * int(time.Millisecond)) }
	room := ledger.NewRoom(1, 4)
	stream := room.Streams()[0]
	spreads := stream.NewSpreads(timeout)
	loops := []*ledger.Arrivals{stream.NewArrivals(), stream.NewArrivals()}
	var got []time.Duration
	settle := func(now clock.Time) int {
		got = nil
		for _, a := range loops {
			spreads.Take(a)
		}
		return spreads.Settle(now, func(d time.Duration) { got = append(got, d) })
	}
	stream.Publish(ms(0)) // due to nobody
	for range 3 {
		confirmed(room)
	}
	first := stream.Publish(ms(10))
	loops[0].Note(first, ms(15))
	loops[1].Note(first, ms(40))
	if settle(ms(50)); len(got) != 0 {
		t.Fatalf("one is still to come: got %v", got)
	}
	loops[0].Note(first, ms(22))
	if settle(ms(60)); !slices.Equal(got, []time.Duration{30 * time.Millisecond}) {
		t.Fatalf("the last of three, whichever loop had it: got %v", got)
	}
	stream.Publish(ms(100))
	second := stream.Publish(ms(200))
	for range 3 {
		loops[1].Note(second, ms(203))
	}
	if settle(ms(1_099)); len(got) != 0 {
		t.Fatalf("the first of two is still awaited: got %v", got)
	}
	if settle(ms(1_100)); !slices.Equal(got, []time.Duration{timeout, 3 * time.Millisecond}) {
		t.Fatalf("one lost, one complete: got %v", got)
	}
	publish(stream, 6)
	if forgotten := settle(ms(1_100)); forgotten != 2 {
		t.Fatalf("the stream remembers four of six: %d forgotten, spreads %v", forgotten, got)
	}
}

func TestNoAllocationForADelivery(t *testing.T) {
	room := ledger.NewRoom(1, 1<<12)
	s := confirmed(room)
	stream := room.Streams()[0]
	arrivals := stream.NewArrivals()
	publish(stream, 2_000)
	var sequence uint64
	if n := testing.AllocsPerRun(1_000, func() {
		s.Deliver(0, sequence)
		due, _ := stream.Due(sequence)
		arrivals.Note(sequence, due)
		sequence++
	}); n != 0 {
		t.Errorf("%v allocations for each delivery, want none", n)
	}
}

package ledger

import "testing"

func TestWhatIsMissedForAWholeStayTakesLittleMemory(t *testing.T) {
	const published, remember = 180_000, 1000
	for _, row := range []struct {
		sentence string
		come     func(sequence uint64) bool
		lost     uint64
	}{
		{"every second one", func(n uint64) bool { return n%2 == 1 }, published / 2},
		{"nine of ten", func(n uint64) bool { return n%10 == 9 }, published / 10 * 9},
		{"one of a hundred, and a long silence", func(n uint64) bool { return n%100 != 7 && (n < 50_000 || n > 90_000) }, 0},
		{"nothing", func(uint64) bool { return true }, 0},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			room, s := NewRoom(1, remember), &Subscription{}
			room.Subscribe(s)
			s.Confirm()
			missed := uint64(0)
			for n := range uint64(published) {
				room.Streams()[0].Publish(0)
				if !row.come(n) {
					missed++
				} else if a := s.Deliver(0, n); a != (Arrival{Due: true}) {
					t.Fatalf("%d: %+v", n, a)
				}
			}
			if row.lost != 0 && missed != row.lost {
				t.Fatalf("%d were kept back, want %d", missed, row.lost)
			}
			if got := s.Lost(); got != missed {
				t.Errorf("lost: got %d, want %d", got, missed)
			}
			if held := s.lead.held(); held > 2*remember {
				t.Errorf("%d gaps are held for a stream that remembers %d", held, remember)
			}
		})
	}
}

func (t *track) held() int {
	if t.gaps == nil {
		return 0
	}
	return cap(t.gaps.open)
}

// However much is missed within what a stream remembers.
func TestGapsAreBounded(t *testing.T) {
	room, s := NewRoom(1, 1<<18), &Subscription{}
	room.Subscribe(s)
	s.Confirm()
	for range 200_000 {
		room.Streams()[0].Publish(0)
	}
	s.Deliver(0, 199_999)
	for n := uint64(0); n < 199_999; n += 2 {
		s.Deliver(0, n) // cuts one gap into a hundred thousand
	}
	if held := s.lead.held(); held > 3*mostGaps {
		t.Errorf("%d gaps are held", held)
	}
}

func TestWhatComesLongAfterIsNeitherLateNorADuplicate(t *testing.T) {
	room, s := NewRoom(1, 16), &Subscription{}
	room.Subscribe(s)
	s.Confirm()
	for n := range uint64(1000) {
		room.Streams()[0].Publish(0)
		if n%2 == 0 {
			s.Deliver(0, n)
		}
	}
	for sequence, want := range map[uint64]Arrival{
		0:   {Forgotten: true},
		1:   {Forgotten: true},
		997: {Due: true, Reordered: true},
		996: {Duplicate: true},
	} {
		if got := s.Deliver(0, sequence); got != want {
			t.Errorf("%d: got %+v, want %+v", sequence, got, want)
		}
	}
	if got := s.Lost(); got != 499 {
		t.Errorf("lost: got %d, want 500 less the one that came", got)
	}
}

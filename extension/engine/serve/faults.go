package serve

import (
	"fmt"
	"sync/atomic"
)

// Faults are deliveries that go wrong on purpose, by the names that they have
// at the reference server.
type Faults struct {
	// Lose: never made.
	Lose Fault `json:"loseDeliveries"`
	// Reorder: held back until the same publisher's next one to the same
	// subscriber. Numbered among those neither lost nor used to overtake.
	Reorder Fault `json:"reorderDeliveries"`
	// Repeat: made twice. Numbered among those neither lost nor reordered.
	Repeat Fault `json:"repeatDeliveries"`
	// FromConnection up to, not including, ToConnection are the connections that are hit,
	// numbered from 0 in the order in which they opened. So connections that come and go can be
	// spared. Default: all.
	FromConnection int64 `json:"fromConnection"`
	ToConnection   int64 `json:"toConnection"`
}

// Fault hits each Every-th delivery, Count times at most. Every 0 hits none,
// Count 0 any number.
type Fault struct {
	Every int64 `json:"every"`
	Count int64 `json:"count"`
}

func (f Faults) check() error {
	for name, fault := range map[string]Fault{
		"loseDeliveries": f.Lose, "reorderDeliveries": f.Reorder, "repeatDeliveries": f.Repeat,
	} {
		if fault.Every < 0 || fault.Count < 0 {
			return fmt.Errorf("%s: want no negative number, got every %d, count %d", name, fault.Every, fault.Count)
		}
	}
	if f.FromConnection < 0 || f.ToConnection < 0 {
		return fmt.Errorf("fromConnection, toConnection: want no negative number, got %d, %d", f.FromConnection, f.ToConnection)
	}
	return nil
}

// faultCounts are Faults and how often each was asked for.
type faultCounts struct {
	Faults
	lose, reorder, repeat ordinal
}

// hits tells whether deliveries to a connection can go wrong.
func (f *faultCounts) hits(connection int64) bool {
	if f.Lose.Every|f.Reorder.Every|f.Repeat.Every == 0 {
		return false
	}
	return connection >= f.FromConnection && (f.ToConnection == 0 || connection < f.ToConnection)
}

type ordinal struct{ atomic.Int64 }

// hit numbers a delivery and tells whether the fault strikes it.
func (o *ordinal) hit(f Fault) bool {
	if f.Every == 0 {
		return false
	}
	n := o.Add(1)
	return n%f.Every == 0 && (f.Count == 0 || n/f.Every <= f.Count)
}

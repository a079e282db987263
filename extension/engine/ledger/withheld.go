package ledger

import (
	"slices"
	"sync"
	"sync/atomic"
)

// withheld is what a stream's subscribers are not owed, or not yet: publications that wait for the
// server's word, and publications that it did not take. The zero value is empty.
type withheld struct {
	some    atomic.Bool // spares the lock where all are taken at once
	mu      sync.Mutex
	pending spans
	untaken spans
}

// await notes that a publication waits for the server's word.
func (w *withheld) await(sequence uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending.add(sequence)
	w.some.Store(true)
}

// answered notes that word. One that was never sent is not taken either.
func (w *withheld) answered(sequence uint64, taken bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending.remove(sequence)
	if !taken {
		w.untaken.add(sequence)
	}
	w.some.Store(len(w.pending)+len(w.untaken) > 0)
}

// excused is how many publications in s were not taken. If pending is true, publications without an
// answer count, too.
func (w *withheld) excused(s span, pending bool) (publications uint64) {
	if !w.some.Load() || s.begin >= s.end {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	publications = w.untaken.within(s)
	if pending {
		publications += w.pending.within(s)
	}
	return publications
}

// owed is how many publications in s are owed: all but the ones that excused counts.
func (w *withheld) owed(s span, pending bool) (publications uint64) {
	return s.length() - w.excused(s, pending)
}

// spans is a set of sequences, in ascending order and apart.
type spans []span

// at is the first span that ends beyond a sequence.
func (s spans) at(sequence uint64) int {
	i, _ := slices.BinarySearchFunc(s, sequence, func(one span, sequence uint64) int {
		if one.end <= sequence {
			return -1
		}
		return 1
	})
	return i
}

// add adds a sequence that is not there.
func (s *spans) add(sequence uint64) {
	i := s.at(sequence)
	follows := i > 0 && (*s)[i-1].end == sequence
	precedes := i < len(*s) && (*s)[i].begin == sequence+1
	switch {
	case follows && precedes:
		(*s)[i-1].end = (*s)[i].end
		*s = slices.Delete(*s, i, i+1)
	case follows:
		(*s)[i-1].end++
	case precedes:
		(*s)[i].begin--
	default:
		*s = slices.Insert(*s, i, span{sequence, sequence + 1})
	}
}

// remove takes a sequence out; false where it is not there.
func (s *spans) remove(sequence uint64) bool {
	i := s.at(sequence)
	if i == len(*s) || (*s)[i].begin > sequence {
		return false
	}
	switch one := &(*s)[i]; {
	case one.begin == sequence && one.end == sequence+1:
		*s = slices.Delete(*s, i, i+1)
	case one.begin == sequence:
		one.begin++
	case one.end == sequence+1:
		one.end--
	default:
		rest := span{sequence + 1, one.end}
		one.end = sequence
		*s = slices.Insert(*s, i+1, rest)
	}
	return true
}

// within is how many sequences of the set are in a span.
func (s spans) within(of span) (sequences uint64) {
	for _, one := range s[s.at(of.begin):] {
		if one.begin >= of.end {
			break
		}
		sequences += one.clip(of.begin, of.end).length()
	}
	return sequences
}

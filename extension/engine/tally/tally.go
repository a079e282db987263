// Package tally is how a loop hands what it counted to a reader on another
// goroutine: the two exchange records, so that nothing is merged on the loop.
package tally

import "reflect"

// Pair is two records of one kind: a loop writes Now while the reader empties
// the other.
type Pair[R any] struct {
	Now   *R
	other *R
}

// NewPair is a Pair of empty records.
func NewPair[R any](empty func() *R) Pair[R] { return Pair[R]{Now: empty(), other: empty()} }

// Swap is called on the loop, or once that has ended. What it returns is the
// caller's until the next Swap, and must be empty by then.
func (p *Pair[R]) Swap() (written *R) {
	p.Now, p.other = p.other, p.Now
	return p.other
}

// Add adds every number of from to that of to. C is a struct of numbers, arrays
// of them, and maps to them; to's maps are made already.
func Add[C any](to, from *C) {
	add(reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem())
}

func add(to, from reflect.Value) {
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			add(to.Field(i), from.Field(i))
		}
	case reflect.Array:
		for i := range to.Len() {
			add(to.Index(i), from.Index(i))
		}
	case reflect.Map:
		for entry := from.MapRange(); entry.Next(); {
			sum := entry.Value().Int()
			if before := to.MapIndex(entry.Key()); before.IsValid() {
				sum += before.Int()
			}
			to.SetMapIndex(entry.Key(), reflect.ValueOf(sum).Convert(to.Type().Elem()))
		}
	default:
		to.SetInt(to.Int() + from.Int())
	}
}

// Package clock gives the engine its one time line: monotonic nanoseconds
// since the process began. A stepped wall clock moves nothing on it.
package clock

import "time"

// Time is an instant: monotonic nanoseconds since the process began. The zero
// Time is the beginning itself and stands for "never" where that is possible.
type Time int64

var began = time.Now()

// Now is the present instant.
func Now() Time { return Time(time.Since(began)) }

// Of puts t, which must carry a monotonic reading, on the time line.
func Of(t time.Time) Time { return Time(t.Sub(began)) }

// Wall is a reading of the wall clock, to turn its times into instants and
// back. Only their distance to the reading passes through the wall clock, so a
// step of it spoils no more than what lies on its other side. The zero Wall was
// never read.
type Wall struct {
	// Read is when it was read.
	Read   Time
	offset int64 // nanoseconds since the Unix epoch, less the instant
}

// ReadWall reads the wall clock.
func ReadWall() Wall {
	t := time.Now()
	read := Of(t)
	return Wall{Read: read, offset: t.UnixNano() - int64(read)}
}

// Again reads the wall clock anew. A thread that loses its processor between the
// two clocks that make a reading would put all wall times too late; w betrays
// that, and the reading is repeated.
func (w Wall) Again() Wall { return w.again(ReadWall) }

func (w Wall) again(read func() Wall) Wall {
	const (
		tries    = 3
		steering = int64(time.Microsecond) // what a clock that is being steered may lose meanwhile
	)
	n := read()
	for range tries {
		if w == (Wall{}) || w.offset-n.offset <= steering {
			break
		}
		if again := read(); again.offset > n.offset {
			n = again
		}
	}
	return n
}

// Time is the instant of a wall time in nanoseconds since the Unix epoch.
func (w Wall) Time(unixNano int64) Time { return Time(unixNano - w.offset) }

// UnixNano is the wall time of an instant, in nanoseconds since the Unix epoch.
func (w Wall) UnixNano(t Time) int64 { return int64(t) + w.offset }

// Sub is the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add is the instant d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Milliseconds is t in fractional milliseconds since the process began.
func (t Time) Milliseconds() float64 { return float64(t) / float64(time.Millisecond) }

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

// Read takes both clocks at once: the present instant and the wall time of the
// same moment in nanoseconds since the Unix epoch.
func Read() (now Time, wall int64) {
	t := time.Now()
	return Of(t), t.UnixNano()
}

// FromWall puts a wall-clock stamp on the time line by its distance to the
// wall clock at now. Only that distance passes through the wall clock, so a
// step of it spoils no more than the stamps that straddle the step.
func FromWall(stamp int64, now Time, wall int64) Time {
	return now - Time(wall-stamp)
}

// Sub is the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add is the instant d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Milliseconds is t in fractional milliseconds since the process began.
func (t Time) Milliseconds() float64 { return float64(t) / float64(time.Millisecond) }

package echobench

import (
	"fmt"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"xk6-realtime/engine/hist"
)

// Outcome is how a case went.
type Outcome string

// The outcomes.
const (
	Passed   Outcome = "PASSED"
	Failed   Outcome = "FAILED"  // an echo was wrong, or the connection failed
	TimedOut Outcome = "TIMEOUT" // echoes were missing when the time was over
)

// Row is the measurements of one case with one server.
type Row struct {
	Server  string
	Case    Case
	Turn    Turn
	Outcome Outcome
	Why     string // unless it passed

	// EchoesPerSecond counts from the first message to the last echo.
	EchoesPerSecond float64
	// Ours says how far the figures are the generator's, and Because why.
	Ours    Ours
	Because string
	// KernelStamps tells whether latencies end with the kernel's own time of
	// arrival. Otherwise they end when this side had read the echo.
	KernelStamps bool
	// Local is what the server needed, where its process is known.
	Local *Local
	// Yardstick is what the bare loop took just before, 0 where it was not asked
	// for. See [Yardstick].
	Yardstick time.Duration

	latencies []time.Duration // in the order of the echoes, one connection after the other
	busy      float64         // of the time, the share in which our busiest loop was not idle; 0 where unknown
}

// Local is what a server on this machine needed for a case.
type Local struct {
	CPU      time.Duration
	Resident int64 // bytes, at the end
}

// The figures of a row, in microseconds.
type Figures struct {
	Min, Median, Max, Avg, StdDev float64
	// Quantiles are upper bounds: of ten, the first bounds the fastest tenth.
	Quantiles []float64
}

// Figures of the echoes that came; nil without any.
func (r *Row) Figures(quantiles int) *Figures {
	if len(r.latencies) == 0 {
		return nil
	}
	sorted := r.RoundTrips()
	slices.Sort(sorted)
	mean, stdDev := stat.PopMeanStdDev(sorted, nil)
	f := &Figures{Min: sorted[0], Median: median(sorted), Max: sorted[len(sorted)-1], Avg: mean, StdDev: stdDev}
	for i := range quantiles {
		f.Quantiles = append(f.Quantiles, stat.Quantile(float64(i+1)/float64(quantiles), stat.Empirical, sorted, nil))
	}
	return f
}

func median(sorted []float64) float64 {
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// RoundTrips are all latencies in microseconds, in the order of the echoes, one
// connection after the other.
func (r *Row) RoundTrips() []float64 {
	us := make([]float64, len(r.latencies))
	for i, l := range r.latencies {
		us[i] = microseconds(l)
	}
	return us
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Ours is how far figures are the generator's own doing.
type Ours string

// Least to most.
const (
	NotOurs  Ours = "ok"
	OursTail Ours = "tail"  // those above the median may be
	Bound    Ours = "bound" // the generator was the bottleneck
)

const (
	// oursAtMost is the share of a latency that may be the generator's.
	oursAtMost = 0.1
	// busyAtMost is the share of the time in which its loops may be at work.
	busyAtMost = 0.9
)

// judge finds out whether the generator was the bottleneck. delays, ascending,
// are how late an open load's messages were written; gaps are the times within
// which arrivals are known.
func (r *Row) judge(delays []time.Duration, gaps *hist.Histogram) {
	r.Ours = NotOurs
	if len(r.latencies) == 0 {
		return
	}
	if r.busy > busyAtMost {
		r.Ours, r.Because = Bound, fmt.Sprintf("the generator was at work for %.0f %% of the time", r.busy*100)
		return
	}
	latencies := slices.Clone(r.latencies)
	slices.Sort(latencies)
	for _, q := range [...]struct {
		share float64
		name  string
		ours  Ours
	}{{0.5, "half", Bound}, {0.99, "99 %", OursTail}} {
		latency := at(latencies, q.share)
		for _, own := range [...]struct {
			says string
			is   time.Duration
		}{
			{"the generator began %s of the " + r.Case.what() + " within %.1f µs of when they were due, and %[1]s were complete within %.1[3]f µs", at(delays, q.share)},
			{"the arrivals of %s of the echoes are known to within %.1f µs, and %[1]s of the echoes came within %.1[3]f µs", gaps.Quantile(q.share)},
		} {
			if float64(own.is) > oursAtMost*float64(latency) {
				r.Ours, r.Because = q.ours, fmt.Sprintf(own.says, q.name, microseconds(own.is), microseconds(latency))
				return
			}
		}
	}
}

// judgeBeginning finds out whether the instances began so far apart that less
// than the whole load was there for more than a tenth of the time.
func (r *Row) judgeBeginning(apart, took time.Duration) {
	if r.Ours != Bound && float64(apart) > oursAtMost*float64(took) {
		r.Ours = Bound
		r.Because = fmt.Sprintf("the instances began up to %s apart, of %s in all", apart.Round(time.Microsecond), took.Round(time.Microsecond))
	}
}

// at is a quantile of ascending values, 0 without any.
func at(ascending []time.Duration, q float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	return ascending[min(int(q*float64(len(ascending))), len(ascending)-1)]
}

package echobench

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"xk6-realtime/engine/hist"
)

// Instance is one of several processes that measure together. Connections, and
// handshakes, are dealt out to them in turn. The zero Instance measures alone.
type Instance struct {
	// Index is its number among the instances, from 0.
	Index int
	// Of is how many there are.
	Of int
}

// of is how many of n are this instance's.
func (i Instance) of(n int) int { return (n - i.Index + i.count() - 1) / i.count() }

// number is that of this instance's n-th among those of all instances.
func (i Instance) number(n int) int { return i.Index + n*i.count() }

func (i Instance) count() int { return max(i.Of, 1) }

// InstanceResult is what one instance measured of a case.
type InstanceResult struct {
	Outcome Outcome `json:"outcome"`
	Why     string  `json:"why,omitempty"` // unless it passed
	// Latencies are in the order of the echoes, one connection after the other.
	Latencies []time.Duration `json:"latencies"`
	// Delays are how late the messages of an open load were written.
	Delays []time.Duration `json:"delays"`
	// Gaps are of each echo the time within which its arrival is known.
	Gaps *hist.Distribution `json:"gaps,omitempty"`
	// Took is from the first message to the last echo.
	Took time.Duration `json:"took"`
	// Busy is the share of the time in which the busiest loop was not idle; 0 where
	// unknown.
	Busy         float64 `json:"busy"`
	KernelStamps bool    `json:"kernelStamps"`
}

// check finds out whether a result that another process handed over can be one,
// of so many latencies at most.
func (r *InstanceResult) check(most int) error {
	if r.Outcome != Passed && r.Outcome != Failed && r.Outcome != TimedOut || len(r.Latencies) > most || len(r.Delays) > most {
		return fmt.Errorf("expected a result of %d latencies at most, got one of %d, %d delays and outcome %.20q", most, len(r.Latencies), len(r.Delays), r.Outcome)
	}
	r.Why = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, r.Why)
	return nil
}

// mergeResults puts together the measurements of a case by all instances: every latency of each. So
// the figures are the same as those of one process with the whole load. The instances began
// within the time apart.
func mergeResults(server string, c Case, results []*InstanceResult, apart time.Duration) *Row {
	row := &Row{Server: server, Case: c, KernelStamps: true}
	row.Outcome, row.Why = outcomeOf(results)
	var took time.Duration
	var delays []time.Duration
	gaps := hist.New()
	for _, r := range results {
		row.KernelStamps = row.KernelStamps && r.KernelStamps
		row.latencies = append(row.latencies, r.Latencies...)
		delays = append(delays, r.Delays...)
		if r.Gaps != nil {
			gaps.Add(r.Gaps)
		}
		took = max(took, r.Took)
		row.busy = max(row.busy, r.Busy)
	}
	if took > 0 {
		row.EchoesPerSecond = float64(len(row.latencies)) / took.Seconds()
	}
	slices.Sort(delays)
	row.judge(delays, gaps)
	if row.Outcome == Passed {
		row.judgeBeginning(apart, took)
	}
	return row
}

// abandoned is why an instance measured nothing: another one could not begin.
const abandoned = "another instance could not begin"

// outcomeOf is the gravest outcome of all results, the first of several.
func outcomeOf(results []*InstanceResult) (Outcome, string) {
	worst := 0
	for i, r := range results {
		if r.gravity() > results[worst].gravity() {
			worst = i
		}
	}
	r := results[worst]
	if r.Outcome == Passed || len(results) == 1 {
		return r.Outcome, r.Why
	}
	return r.Outcome, fmt.Sprintf("instance %d of %d: %s", worst+1, len(results), r.Why)
}

func (r *InstanceResult) gravity() int {
	switch {
	case r.Outcome == Passed:
		return 0
	case r.Why == abandoned:
		return 1
	case r.Outcome == TimedOut:
		return 2
	}
	return 3
}

package conform

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Baseline are failures that are known: the verdict of each case that failed,
// by agent.
type Baseline struct {
	Format string                         `json:"format"`
	Known  map[string]map[string]Behavior `json:"known"`
}

const baselineFormat = "k6-realtime conform baseline 1"

// BaselineOf are the failures among results.
func BaselineOf(results []Result) *Baseline {
	b := &Baseline{Format: baselineFormat, Known: map[string]map[string]Behavior{}}
	for i := range results {
		r := &results[i]
		if b.Known[r.Agent] == nil {
			b.Known[r.Agent] = map[string]Behavior{}
		}
		if r.Fails() {
			b.Known[r.Agent][r.ID] = r.Word()
		}
	}
	return b
}

// ReadBaseline reads what WriteBaseline wrote.
func ReadBaseline(path string) (*Baseline, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b := &Baseline{}
	if err := json.Unmarshal(data, b); err != nil || b.Format != baselineFormat {
		return nil, fmt.Errorf("%s: expected a baseline that --write-baseline wrote (format %q, got %q)", path, baselineFormat, b.Format)
	}
	return b, nil
}

// WriteBaseline writes the failures among results.
func WriteBaseline(path string, results []Result) error { return writeJSON(path, BaselineOf(results)) }

// Outcome is a run's failures, split into known and new ones.
type Outcome struct {
	// Failed are new: no baseline knows them.
	Failed []*Result
	// Known are in the baseline.
	Known []*Result
	// UnexpectedPasses are in the baseline and pass.
	UnexpectedPasses []*Result
}

// Compare sorts results by a baseline, which may be nil, and marks the ones that it knows.
func Compare(results []Result, b *Baseline) (o Outcome) {
	for i := range results {
		r := &results[i]
		known := false
		if b != nil {
			_, known = b.Known[r.Agent][r.ID]
		}
		switch {
		case r.Fails() && known:
			r.Known = true
			o.Known = append(o.Known, r)
		case r.Fails():
			o.Failed = append(o.Failed, r)
		case known:
			r.UnexpectedPass = true
			o.UnexpectedPasses = append(o.UnexpectedPasses, r)
		}
	}
	return o
}

// Tally counts verdicts, the words in a fixed order.
func Tally(results []Result) (words []Behavior, counts map[Behavior]int) {
	counts = map[Behavior]int{}
	for i := range results {
		counts[results[i].Word()]++
	}
	for _, w := range []Behavior{OK, NonStrict, Informational, Unimplemented, Failed, WrongCode, Unclean} {
		if counts[w] > 0 {
			words = append(words, w)
		}
	}
	return words, counts
}

// Agents are those of the results, sorted.
func Agents(results []Result) (agents []string) {
	for i := range results {
		if !slices.Contains(agents, results[i].Agent) {
			agents = append(agents, results[i].Agent)
		}
	}
	slices.Sort(agents)
	return agents
}

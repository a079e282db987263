package binding

import (
	"sync"

	"go.k6.io/k6/v2/lib"
)

// numbers are those of the virtual users of each scenario that drives a swarm,
// from 0 and over all instances. k6 numbers them over all scenarios of a test,
// in whatever order it hands them out.
type numbers struct {
	mu   sync.Mutex
	next map[string]*lib.SegmentedIndex // by scenario
}

// of is the number of a virtual user that asks for the first time. It strides
// over those of other instances as k6 divides a scenario's virtual users.
func (n *numbers) of(scenario string, o *lib.Options) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	index := n.next[scenario]
	if index == nil {
		instance, err := lib.NewExecutionTuple(o.ExecutionSegment, o.ExecutionSegmentSequence)
		if err != nil {
			return 0, err
		}
		if n.next == nil {
			n.next = map[string]*lib.SegmentedIndex{}
		}
		index = lib.NewSegmentedIndex(instance)
		n.next[scenario] = index
	}
	_, number := index.Next()
	return int(number - 1), nil
}

// number is the virtual user's own, the same each time. Outside of a scenario,
// in a unit test, k6's own number does.
func (i *instance) number(state *lib.State) (number int, scenario string, err error) {
	s := lib.GetScenarioState(i.vu.Context())
	if s == nil {
		return int(state.VUIDGlobal) - 1, "", nil
	}
	number, known := i.numbers[s.Name]
	if !known {
		if number, err = i.process.numbers.of(s.Name, &state.Options); err != nil {
			return 0, "", err
		}
		if i.numbers == nil {
			i.numbers = map[string]int{}
		}
		i.numbers[s.Name] = number
	}
	return number, s.Name, nil
}

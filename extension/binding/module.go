// Package binding makes the engine usable from k6 scripts as k6/x/realtime: options in, samples
// out. The engine does the work of the connections.
package binding

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/lib"

	"xk6-realtime/engine/clock"
)

// Root is the module as k6 holds it, one for each process.
type Root struct {
	process process
}

// New makes the module.
func New() *Root { return &Root{} }

// NewModuleInstance is called by k6 once for each VU, in the init context.
func (r *Root) NewModuleInstance(vu modules.VU) modules.Instance {
	set, err := registerMetrics(vu.InitEnv().Registry)
	if err != nil {
		common.Throw(vu.Runtime(), err)
	}
	return &instance{vu: vu, process: &r.process, metrics: set}
}

type instance struct {
	vu      modules.VU
	process *process
	metrics *metricSet
	numbers map[string]int // of this virtual user, by scenario
}

// state is the virtual user's. A function named of was called, which needs one.
func (i *instance) state(of string) (*lib.State, error) {
	if state := i.vu.State(); state != nil {
		return state, nil
	}
	return nil, fmt.Errorf("%s: expected to be called by a virtual user, was called in the init context", of)
}

// Exports lists what a script can import; index.d.ts describes it.
func (i *instance) Exports() modules.Exports {
	return modules.Exports{Named: map[string]any{
		"Swarm":         i.newSwarm,
		"TokenStreams":  i.newTokenStreams,
		"WebSocket":     i.newWebSocket,
		"Contract":      i.newContract,
		"joinEchoBench": i.joinEchoBench,
		"answerTo":      i.answerTo,
		"readUsers":     i.readUsers,
		"tryDirectory":  i.tryDirectory,
		"inherits":      func(name string) bool { _, is := os.LookupEnv(name); return is },
		"now":           func() float64 { return clock.Now().Milliseconds() },
		"distributions": i.distributions,
		"steps":         i.steps,
		"notice":        i.notice,
		"notices":       i.process.notices.soFar,
		"version":       version(),
	}}
}

// version is that of the extension in this binary, "(devel)" in one built from
// a working copy.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == "xk6-realtime" && module.Replace == nil {
			return module.Version
		}
	}
	return "(devel)"
}

// newSwarm is the constructor of Swarm.
func (i *instance) newSwarm(call sobek.ConstructorCall) *sobek.Object {
	rt := i.vu.Runtime()
	o, err := readOptions(call.Argument(0).Export())
	if err != nil {
		common.Throw(rt, err)
	}
	s := &swarmObject{runner: runner{instance: i, of: "Swarm", itself: "this swarm is"}, options: o}
	if err := call.This.Set("run", s.run); err != nil {
		common.Throw(rt, err)
	}
	return nil
}

// notice keeps a sentence of the script's, and logs it if it is new.
func (i *instance) notice(group, sentence string) error {
	state, err := i.state("notice")
	if err != nil {
		return err
	}
	i.process.notices.add(group, sentence)
	i.process.notices.log(state.Logger)
	return nil
}

// distributions is the exact distributions of the process so far.
func (i *instance) distributions(percentiles []float64) ([]exact, error) {
	if err := checkPercentiles("distributions", percentiles); err != nil {
		return nil, err
	}
	return i.process.distributions(percentiles), nil
}

// steps is what each step of the process came to so far, exactly.
func (i *instance) steps(percentiles []float64) ([]stepFigures, error) {
	if err := checkPercentiles("steps", percentiles); err != nil {
		return nil, err
	}
	return i.process.stepsSoFar(percentiles), nil
}

func checkPercentiles(name string, percentiles []float64) error {
	for _, p := range percentiles {
		if !(p >= 0 && p <= 100) {
			return wrong(name, "percentiles from 0 to 100", p)
		}
	}
	return nil
}

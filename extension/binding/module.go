// Package binding makes the engine usable from k6 scripts as k6/x/realtime.
package binding

import (
	"time"

	"go.k6.io/k6/v2/js/modules"
)

// Root is the module as k6 holds it, one for each process.
type Root struct {
	began time.Time
}

// New makes the module. Its clock starts here.
func New() *Root {
	return &Root{began: time.Now()}
}

// NewModuleInstance is called by k6 once for each VU.
func (r *Root) NewModuleInstance(modules.VU) modules.Instance {
	return &instance{root: r}
}

type instance struct {
	root *Root
}

// Exports lists what a script can import.
func (i *instance) Exports() modules.Exports {
	return modules.Exports{Named: map[string]any{
		"now": i.now,
	}}
}

// now is the process's monotonic clock in fractional milliseconds since the
// extension was loaded; every VU of a process reads the same one.
func (i *instance) now() float64 {
	return float64(time.Since(i.root.began)) / float64(time.Millisecond)
}

package binding

import (
	"os"
	"runtime/debug"
)

// leanGCPercent lets the heap grow by a quarter between two collections
// while swarms only hold connections, not by Go's own 100 %. What lives then
// is mostly these at rest: they cost memory by the thousand, and little to mark.
const leanGCPercent = 25

// keepMemoryLean sets that, unless the user has set GOGC, and returns what
// restores the former state.
func keepMemoryLean() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(leanGCPercent)
	return func() { debug.SetGCPercent(before) }
}

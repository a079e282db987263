package binding

import (
	"os"
	"runtime"
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

// roomBytes is how much further than by Go's own rule the heap may grow between
// two collections while connections work.
const roomBytes = 64 << 20

// keepCollectionsRare gives that room, unless the user has set a rule, and
// returns what takes it back. A collection of the heap that a script makes marks
// for 10 to 20 ms (GODEBUG=gctrace=1 with mass-soak). On few processors, messages
// of that time wait, and most of a run's longest latencies are such waits. One
// collection at once frees the garbage of the start.
func keepCollectionsRare() (restore func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	// Nothing is written to it, so it takes no memory. It counts as a part of the heap all the
	// same, and the heap may then grow by as much.
	room := make([]byte, roomBytes)
	runtime.GC()
	return func() { runtime.KeepAlive(room) }
}

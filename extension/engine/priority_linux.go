package engine

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// claimRealTime has the calling thread run before every ordinary one
// (SCHED_RR, sched(7)). What it starts runs as usual.
func claimRealTime() error {
	if runtime.NumCPU() < 2 {
		return errors.New("it takes two processors, since a loop that never rests would leave nothing to the rest of the process")
	}
	const lowest = 1
	err := unix.SchedSetAttr(0, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_RR,
		Priority: lowest,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
	}, 0)
	if errors.Is(err, unix.EPERM) {
		return errors.New("the system does not permit it: expected the capability CAP_SYS_NICE, or a limit of real-time priority (ulimit -r) of 1 or more")
	}
	return err
}

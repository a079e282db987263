package engine

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// turn is the shortest that Linux gives an ordinary thread.
const turn = 100 * time.Microsecond

// takeShortTurns has the calling thread run in short turns: for that it needs
// no right, and gets no larger share of the processor, but gets it sooner when
// something has arrived, also beside threads that compute (sched(7): the
// runtime of sched_setattr(2), since Linux 6.12). Elsewhere nothing changes.
// What it starts runs as usual.
func takeShortTurns() {
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil || a.Policy != unix.SCHED_NORMAL {
		return
	}
	a.Runtime = uint64(turn)
	a.Flags |= unix.SCHED_FLAG_RESET_ON_FORK
	_ = unix.SchedSetAttr(0, a, 0)
}

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

//go:build unix

package engine

import "golang.org/x/sys/unix"

// ReserveDescriptors makes room in the process's table of descriptors for so many more. On Linux
// that table grows by doubling. Each time, a process with several threads waits for all
// processors: for tens of milliseconds no loop runs, in the midst of a ramp. If the limit is
// lower than n, it makes room up to the limit.
func ReserveDescriptors(n int) {
	fd, err := unix.Dup(2) // any that is open
	if err != nil {
		return
	}
	unix.CloseOnExec(fd)
	defer unix.Close(fd)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		n = min(n, int(min(uint64(limit.Cur), 1<<30))-fd-1)
	}
	if n <= 0 {
		return
	}
	if high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, fd+n); err == nil {
		unix.Close(high) // the table stays as large as it was made
	}
}

package echobench

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// keepTime has the present thread woken when its timers are due, rather than up
// to 50 µs later (PR_SET_TIMERSLACK in prctl(2)).
func keepTime() {
	// If it fails, messages are written later, which is measured.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

// usageOf reads a process's use of CPU and memory from /proc (proc(5)).
func usageOf(pid int) (u usage) {
	if pid == 0 {
		return u
	}
	// The error is one of the pattern.
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		var cpu int64
		if _, err := fmt.Sscan(string(b), &cpu); err != nil {
			continue
		}
		u.known = true
		u.cpu += time.Duration(cpu)
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)); err == nil {
		var size, resident int64
		if _, err := fmt.Sscan(string(b), &size, &resident); err == nil {
			u.resident = resident * int64(os.Getpagesize())
		}
	}
	return u
}

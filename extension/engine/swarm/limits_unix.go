//go:build unix

package swarm

import (
	"fmt"
	"syscall"
)

func descriptorLimit() string {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return "the limit is that of this process (ulimit -n)"
	}
	return fmt.Sprintf("this process may open %d (ulimit -n)", limit.Cur)
}

//go:build unix

package swarm

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

func descriptorLimit() string {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return "the limit is that of this process (ulimit -n)"
	}
	return fmt.Sprintf("this process may open %d (ulimit -n)", limit.Cur)
}

func portLimit() string {
	const where = "/proc/sys/net/ipv4/ip_local_port_range"
	b, err := os.ReadFile(where)
	if err != nil {
		return "each source address has the system's range of ephemeral ports towards one server"
	}
	var low, high int
	if _, err := fmt.Fscan(strings.NewReader(string(b)), &low, &high); err != nil {
		return "see " + where
	}
	return fmt.Sprintf("each source address has ports %d to %d, that is %d, towards one server (%s)",
		low, high, high-low+1, where)
}

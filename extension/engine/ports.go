package engine

import (
	"fmt"
	"os"
	"strings"
)

// PortRange names where Linux keeps the range of ephemeral ports.
const PortRange = "/proc/sys/net/ipv4/ip_local_port_range"

// EphemeralPorts is the system's range of local ports for outgoing connections;
// not ok where the system does not tell.
func EphemeralPorts() (low, high int, ok bool) {
	b, err := os.ReadFile(PortRange)
	if err != nil {
		return 0, 0, false
	}
	_, err = fmt.Fscan(strings.NewReader(string(b)), &low, &high)
	return low, high, err == nil
}

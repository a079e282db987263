//go:build !linux

package engine

import (
	"errors"
	"net"
)

func shrinkBacklog(*net.TCPListener) error { return errors.New("tried on Linux only") }

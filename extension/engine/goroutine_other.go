//go:build !linux

package engine

const defaultTransport = Goroutines

func newPoller(l *Loop, t Transport) (poller, error) {
	if t != Goroutines {
		return nil, errTransport(t)
	}
	return newGoroutines(l), nil
}

// Package enginetest starts engines for the tests of what is built on them.
package enginetest

import (
	"runtime"
	"testing"

	"xk6-realtime/engine"
)

// Start starts an engine, which ends with the test.
func Start(t testing.TB, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// OnEachTransport runs a test on an engine of two loops for each transport that
// this platform has.
func OnEachTransport(t *testing.T, test func(t *testing.T, e *engine.Engine)) {
	transports := []engine.Transport{engine.Goroutines}
	if runtime.GOOS == "linux" {
		transports = append(transports, engine.Epoll)
	}
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			test(t, Start(t, engine.Options{Transport: transport, Loops: 2}))
		})
	}
}

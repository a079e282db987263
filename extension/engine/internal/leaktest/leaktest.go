// Package leaktest fails a package's tests when they leave something behind.
package leaktest

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// Main runs the tests and returns the exit code. It is 1 when goroutines or
// descriptors are left that were not there before.
func Main(m *testing.M) int {
	// The first socket makes the runtime open descriptors that it keeps.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors()
	if code := m.Run(); code != 0 {
		return code
	}
	// A goroutine that was told to end may still be ending.
	for range 300 {
		if runtime.NumGoroutine() <= goroutines && openDescriptors() <= descriptors {
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	fmt.Printf("left behind: %d goroutines and %d descriptors\n%s\n", runtime.NumGoroutine()-goroutines,
		openDescriptors()-descriptors, stacks[:runtime.Stack(stacks, true)])
	return 1
}

// openDescriptors counts the process's open descriptors, 0 if it cannot tell.
func openDescriptors() (n int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		// All but the one that listed them, which is closed by now.
		if _, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			n++
		}
	}
	return n
}

package engine

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// No test may leave a goroutine or a descriptor behind.
func TestMain(m *testing.M) {
	// The first socket makes the runtime open descriptors that it keeps.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors()
	code := m.Run()
	if code == 0 {
		code = leaks(goroutines, descriptors)
	}
	os.Exit(code)
}

func leaks(goroutines, descriptors int) int {
	// What was told to end may still be ending.
	for range 200 {
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

// openDescriptors counts what the process has open, 0 where it cannot tell.
func openDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		if _, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			n++ // and not the one that lists them
		}
	}
	return n
}

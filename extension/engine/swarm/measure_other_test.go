//go:build !linux

package swarm

func serveForBenchmark() bool { return false }

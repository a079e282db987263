//go:build !linux

package seconds

func machineMemory() int64 { return 0 }

func residentMemory() int64 { return 0 }

package seconds

import "time"

// Process is the generator's own needs up to a moment: when its processor time
// per second nears that of all processors, its delays are not the server's.
type Process struct {
	At time.Time `json:"at"`
	// CPUs is how many processors it kept busy since the one before.
	CPUs float64 `json:"cpus"`
	// MemoryBytes is what it occupies of the machine's memory; left out where
	// that is not known.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
}

// usage is what this process has used so far.
type usage struct {
	at     time.Time
	cpu    time.Duration
	memory int64
}

func readUsage() usage {
	return usage{at: time.Now(), cpu: processorTime(), memory: residentMemory()}
}

func newProcess(before, now usage) (p Process) {
	p.At = now.at
	p.MemoryBytes = now.memory
	if elapsed := now.at.Sub(before.at); elapsed > 0 {
		p.CPUs = float64(now.cpu-before.cpu) / float64(elapsed)
	}
	return p
}

package echobench

import "time"

// usage is what a server's process has needed so far.
type usage struct {
	known    bool
	cpu      time.Duration // of its threads that live
	resident int64         // bytes
}

// since is the use after an earlier look.
func (u usage) since(before usage) usage {
	u.known = u.known && before.known
	u.cpu -= before.cpu
	return u
}

func (u usage) local() *Local {
	if !u.known {
		return nil
	}
	return &Local{CPU: u.cpu, Resident: u.resident}
}

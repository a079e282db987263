//go:build !unix

package seconds

import "time"

func processorTime() time.Duration { return 0 }

func descriptorLimit() uint64 { return 0 }

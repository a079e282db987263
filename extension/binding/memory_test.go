package binding

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

// heapGoal is the size at which the heap is collected next.
func heapGoal() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestTheHeapHasRoomWhileConnectionsWork(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	runtime.GC()
	before := heapGoal()
	restore := keepCollectionsRare()
	if during := heapGoal(); during < before+roomBytes {
		t.Errorf("the heap is collected at %d bytes, want %d more than %d", during, roomBytes, before)
	}
	restore()
	runtime.GC()
	if after := heapGoal(); after > before+roomBytes/2 {
		t.Errorf("the heap is collected at %d bytes after that, want %d as before", after, before)
	}
}

func TestTheUsersRuleForTheHeapStands(t *testing.T) {
	for name, value := range map[string]string{"GOGC": "100", "GOMEMLIMIT": "1GiB"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(name, value)
			runtime.GC()
			before := heapGoal()
			defer keepCollectionsRare()()
			runtime.GC()
			if during := heapGoal(); during > before+roomBytes/2 {
				t.Errorf("the heap is collected at %d bytes, want %d as before", during, before)
			}
		})
	}
}

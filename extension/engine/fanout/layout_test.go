package fanout

import (
	"reflect"
	"testing"
	"unsafe"
)

// Where thousands of connections take turns, each line of memory of a member has
// gone from the cache in between. A delivery needs three of them, in one piece:
// Go places what it gives 256 bytes at a multiple of that.
func TestADeliveryNeedsThreeLinesOfAMember(t *testing.T) {
	const line = 64
	var m member
	if size := unsafe.Sizeof(m); size <= 240 || size > 4*line {
		t.Errorf("a member has %d bytes, want as many as Go gives 256 for", size)
	}
	if at := unsafe.Offsetof(m.conversation); at != line {
		t.Errorf("the conversation begins at byte %d, want %d", at, line)
	}
	// Of the subscription, a delivery without a gap needs what stands before gaps.
	lead, _ := reflect.TypeOf(m.subscription).FieldByName("lead")
	gaps, found := lead.Type.FieldByName("gaps")
	if end := unsafe.Offsetof(m.subscription) + lead.Offset + gaps.Offset; !found || end > 3*line {
		t.Errorf("what a delivery needs ends at byte %d, want %d at most", end, 3*line)
	}
}

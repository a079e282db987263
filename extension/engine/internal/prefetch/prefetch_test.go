package prefetch

import (
	"testing"
	"unsafe"
)

// What is only asked for is not read: no address is wrong.
func TestAnyAddressMayBeAskedFor(t *testing.T) {
	kept := [256]byte{0: 1, 255: 2}
	for _, p := range []unsafe.Pointer{nil, unsafe.Pointer(&kept[0]), unsafe.Pointer(&kept[255])} {
		Line(p)
		Lines(p)
	}
	if kept != [256]byte{0: 1, 255: 2} {
		t.Error("what was asked for has changed")
	}
}

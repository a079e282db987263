package engine

import (
	"testing"
	"unsafe"
)

// Thousands of connections take turns, and each line of memory has gone from the
// cache in between.
func TestAMessageNeedsOneCacheLineOfItsConnection(t *testing.T) {
	const line = 64
	if got := unsafe.Offsetof(Conn{}.handler); got > line {
		t.Errorf("what a message needs of a Conn takes %d bytes, want at most %d", got, line)
	}
}

package engine

import (
	"testing"
	"unsafe"
)

// Thousands of connections take turns, and each line of memory has gone from the
// cache in between.
func TestAMessageNeedsOneCacheLineOfItsConnection(t *testing.T) {
	const line = 64
	c := Conn{}
	for name, end := range map[string]uintptr{
		"loop":     unsafe.Offsetof(c.loop) + unsafe.Sizeof(c.loop),
		"receiver": unsafe.Offsetof(c.receiver) + unsafe.Sizeof(c.receiver),
		"traffic":  unsafe.Offsetof(c.traffic) + unsafe.Sizeof(c.traffic),
		"socket":   unsafe.Offsetof(c.socket) + unsafe.Sizeof(c.socket),
		"slot":     unsafe.Offsetof(c.slot) + unsafe.Sizeof(c.slot),
		"state":    unsafe.Offsetof(c.state) + unsafe.Sizeof(c.state),
		"full":     unsafe.Offsetof(c.full) + unsafe.Sizeof(c.full),
		"between":  unsafe.Offsetof(c.between) + unsafe.Sizeof(c.between),
	} {
		if end > line {
			t.Errorf("%s, which a message needs, ends at byte %d of a Conn, want it within %d", name, end, line)
		}
	}
}

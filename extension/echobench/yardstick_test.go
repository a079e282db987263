//go:build unix

package echobench

import "testing"

func TestAYardstickIsTakenAtAnySize(t *testing.T) {
	for _, bytes := range []int{0, 64, 1 << 30} {
		if took, err := Yardstick(bytes); err != nil || took <= 0 {
			t.Errorf("%d bytes: %s, %v", bytes, took, err)
		}
	}
}

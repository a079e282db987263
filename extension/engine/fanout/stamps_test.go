package fanout

import (
	"math"
	"testing"
)

func TestResolutionOfAStamp(t *testing.T) {
	for _, test := range []struct {
		ms   float64
		want Resolution
	}{
		{1_700_000_000_000, Seconds},
		{1_700_000_000_900, Tenths},
		{1_700_000_000_910, Hundredths},
		{1_700_000_000_911, fine},
		{1_700_000_000_910.25, fine},
		{0, Seconds},
		{-1_000, Seconds},
		{-1_001, fine},
		{1e306, fine},
		{math.Inf(1), fine},
		{math.NaN(), fine},
	} {
		if got := resolutionOf(test.ms); got != test.want {
			t.Errorf("%v: resolution %d, want %d", test.ms, got, test.want)
		}
	}
}

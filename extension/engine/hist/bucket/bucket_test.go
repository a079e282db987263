package bucket

import (
	"math/rand/v2"
	"testing"
)

func TestEveryBucketKeepsThreeDigits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := rng.Int64N(1 << rng.IntN(49))
		bucket := Of(v)
		if off := max(Middle(bucket)-v, v-Middle(bucket)); off*2000 > v {
			t.Fatalf("%d ns counts as %d: off by more than half of 0.1 %%", v, Middle(bucket))
		}
		if back := Of(Middle(bucket)); back != bucket {
			t.Fatalf("%d ns is in bucket %d, whose middle is in bucket %d", v, bucket, back)
		}
	}
}

func TestBucketsAreThoseOfTheLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	h := New()
	var want [Number]int64
	for range 10_000 {
		v := rng.Int64N(1 << rng.IntN(49))
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
		want[Of(v)]++
	}
	got := h.Export().Counts
	if len(got) != Number {
		t.Fatalf("the library has %d buckets, this package %d", len(got), Number)
	}
	for bucket, count := range got {
		if count != want[bucket] {
			t.Fatalf("bucket %d: the library counts %d, this package %d", bucket, count, want[bucket])
		}
	}
}

func TestClamp(t *testing.T) {
	for _, test := range []struct {
		name        string
		given, want int64
	}{
		{"a clock that went backwards is zero", -1, 0},
		{"zero is a value", 0, 0},
		{"20 µs stay as they are", 20_013, 20_013},
		{"the highest value is held", Highest, Highest},
		{"beyond it is the highest value", Highest + 1, Highest},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Clamp(test.given); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

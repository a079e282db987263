// Package bucket fixes the one shape that every recorded histogram has, so
// that any two of them merge exactly: HdrHistograms of nanoseconds with three
// significant digits.
//
// A bucket is at most 1/1024 of its value wide, and below 2048 ns it is one
// nanosecond: a round trip of 20 µs keeps its three digits.
package bucket

import (
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// Digits is the number of significant decimal digits kept of each value.
	Digits = 3
	// Highest is the largest value, in nanoseconds: about 78 hours.
	Highest = 1<<48 - 1
)

// Values below fineValues have a bucket each; from there on every doubling
// takes perDoubling buckets. This is the layout of HdrHistogram for Digits.
const (
	fineValues  = 2048
	perDoubling = fineValues / 2
)

// New makes an empty histogram. It takes about 300 KB.
func New() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, Highest, Digits)
}

// Clamp is the value nearest to v that a histogram holds.
func Clamp(v int64) int64 { return min(max(v, 0), Highest) }

// Number is how many there are.
const Number = (48-10)*perDoubling + perDoubling

// Of is the index of the bucket that holds v, which Clamp leaves as it is.
func Of(v int64) int {
	if v < fineValues {
		return int(v)
	}
	doublings := bits.Len64(uint64(v)) - 11
	return (doublings+1)*perDoubling + int(v>>doublings) - perDoubling
}

// Middle is the middle of a bucket, which stands for every value in it.
func Middle(bucket int) int64 {
	if bucket < fineValues {
		return int64(bucket)
	}
	doublings := bucket/perDoubling - 1
	lowest := int64(bucket%perDoubling+perDoubling) << doublings
	return lowest + int64(1)<<doublings/2
}

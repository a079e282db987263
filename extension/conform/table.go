package conform

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Cases are all cases, in the order of their numbers.
var Cases = sync.OnceValue(func() []*Case {
	var all []*Case
	for _, group := range [][]Case{
		echoCases(), pingCases(), reservedCases(), fragmentCases(), utf8Cases(), closeCases(), limitCases(), compressionCases(), openingCases(), moreCases(), deflateCases(), http2Cases(),
	} {
		for i := range group {
			all = append(all, &group[i])
		}
	}
	slices.SortStableFunc(all, func(a, b *Case) int { return CompareIDs(a.ID, b.ID) })
	return all
})

// CompareIDs orders case numbers part by part.
func CompareIDs(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX != nil || errY != nil {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(x, y)
	})
}

// Quick tells whether the case belongs to the quick mode: all that moves less
// than a megabyte, and of each compression group the messages of 1 KiB.
func (c *Case) Quick() bool {
	if c.Open.Compression && c.Heavy {
		return strings.HasSuffix(c.ID, ".4")
	}
	return !c.Heavy
}

package deflate

import "testing"

// furthestDistance is how far back DEFLATE data refers at most: a reader of its
// blocks (RFC 1951) that keeps nothing else. Data that it cannot read fails the
// test.
func furthestDistance(t *testing.T, in []byte) (furthest int) {
	t.Helper()
	r := bitReader{in: in}
	for last := false; !last; {
		last = r.bits(1) == 1
		switch kind := r.bits(2); kind {
		case 0:
			r.at = (r.at + 7) &^ 7
			n := r.bits(16)
			r.bits(16)
			r.at += 8 * n
		case 1, 2:
			literals, distances := fixedCodes()
			if kind == 2 {
				literals, distances = r.dynamicCodes()
			}
			furthest = max(furthest, r.block(literals, distances))
		default:
			t.Fatal("a block of no kind")
		}
		if r.at > 8*len(in) {
			t.Fatal("the data ends within a block")
		}
	}
	return furthest
}

type bitReader struct {
	in []byte
	at int
}

func (r *bitReader) bits(n int) (v int) {
	for i := range n {
		if r.at/8 < len(r.in) {
			v |= int(r.in[r.at/8]>>(r.at%8)&1) << i
		}
		r.at++
	}
	return v
}

// code maps length and bits to a symbol.
type code map[[2]int]int

func (r *bitReader) symbol(c code) int {
	v := 0
	for n := 1; n <= 15; n++ {
		v = v<<1 | r.bits(1)
		if s, ok := c[[2]int{n, v}]; ok {
			return s
		}
	}
	return 256
}

// codeOf builds a code from its symbols' lengths (RFC 1951 section 3.2.2).
func codeOf(lengths []int) code {
	var count, next [17]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	for n := 1; n <= 15; n++ {
		next[n] = (next[n-1] + count[n-1]) << 1
	}
	c := code{}
	for s, n := range lengths {
		if n > 0 {
			c[[2]int{n, next[n]}] = s
			next[n]++
		}
	}
	return c
}

func fixedCodes() (literals, distances code) {
	lengths := make([]int, 288)
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	five := make([]int, 30)
	for i := range five {
		five[i] = 5
	}
	return codeOf(lengths), codeOf(five)
}

func (r *bitReader) dynamicCodes() (literals, distances code) {
	numLiterals, numDistances, numLengths := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
	order := [...]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	of := make([]int, 19)
	for i := range numLengths {
		of[order[i]] = r.bits(3)
	}
	c := codeOf(of)
	var lengths []int
	for len(lengths) < numLiterals+numDistances {
		repeat, value := 1, 0
		switch s := r.symbol(c); s {
		case 16:
			value, repeat = lengths[len(lengths)-1], r.bits(2)+3
		case 17:
			repeat = r.bits(3) + 3
		case 18:
			repeat = r.bits(7) + 11
		default:
			value = s
		}
		for range repeat {
			lengths = append(lengths, value)
		}
	}
	return codeOf(lengths[:numLiterals]), codeOf(lengths[numLiterals:])
}

// block reads the symbols of a block, and returns its furthest distance.
func (r *bitReader) block(literals, distances code) (furthest int) {
	for {
		s := r.symbol(literals)
		switch {
		case s == 256:
			return furthest
		case s < 256:
			continue
		}
		switch {
		case s >= 265 && s < 285:
			r.bits((s - 261) / 4)
		}
		d := r.symbol(distances)
		distance := d + 1
		if d >= 4 {
			extra := d/2 - 1
			distance = (2+d%2)<<extra + 1 + r.bits(extra)
		}
		furthest = max(furthest, distance)
	}
}

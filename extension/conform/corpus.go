package conform

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
)

// corpus is material for messages: always the same, so that a run can be
// repeated.
type corpus []byte

const corpusBytes = 256 << 10

// corpusOf is the material of a name: json, html and prose compress well,
// bitmap less, packed hardly, plain is one letter.
func corpusOf(name string) corpus { return corpora()[name] }

var corpora = sync.OnceValue(func() map[string]corpus {
	r := seeded("corpus")
	record := func(format string) func() string {
		return func() string { return fmt.Sprintf(format, word(r), r.IntN(1e6), word(r), word(r), r.Float64()*1e3) }
	}
	return map[string]corpus{
		"plain":  corpus(strings.Repeat("*", corpusBytes)),
		"json":   repeat(record(`{"name":"%s","id":%d,"tags":["%s","%s"],"weight":%.4f},`)),
		"html":   repeat(record(`<li class="%s"><a href="/item/%d">%s %s</a> <b>%.2f</b></li>` + "\n")),
		"prose":  repeat(func() string { return word(r) + " " }),
		"bitmap": bitmap(r),
		"packed": packed(r),
	}
})

// slice is a part of the material, from anywhere.
func (c corpus) slice(r *rand.Rand, bytes int) []byte {
	from := r.IntN(len(c) - bytes + 1)
	return c[from : from+bytes : from+bytes]
}

func repeat(next func() string) corpus {
	var b strings.Builder
	for b.Len() < corpusBytes {
		b.WriteString(next())
	}
	return corpus(b.String()[:corpusBytes])
}

func word(r *rand.Rand) string {
	const syllables = "ka ro mi ten sel va du ion er ing lo pha que zi"
	all := strings.Fields(syllables)
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString(all[r.IntN(len(all))])
	}
	return b.String()
}

// bitmap is a picture of shades with a little noise.
func bitmap(r *rand.Rand) corpus {
	c := make(corpus, corpusBytes)
	for i := range c {
		c[i] = byte((i%512+i/512)/4) + byte(r.IntN(4))
	}
	return c
}

// packed is material that is compressed already.
func packed(r *rand.Rand) corpus {
	c := make(corpus, corpusBytes)
	for i := range c {
		c[i] = byte(r.Uint32())
	}
	return c
}

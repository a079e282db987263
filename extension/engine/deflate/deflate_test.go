package deflate

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// account is Memory that keeps account.
type account struct{ used, most, limit int }

func (a *account) Grow(from, to int) bool {
	if a.used+to-from > a.limit {
		return false
	}
	a.used += to - from
	a.most = max(a.most, a.used)
	return true
}

func roomy() *account { return &account{limit: 1 << 40} }

// text is what messages look like: words that come again.
func text(random *rand.Rand, bytes int) []byte {
	words := []string{`{"type":"message","room":"`, `","id":`, "lorem", "ipsum", " the quick brown fox ", `"timestamp":`}
	var b []byte
	for len(b) < bytes {
		b = append(b, words[random.IntN(len(words))]...)
		b = fmt.Append(b, random.IntN(1_000_000))
	}
	return b[:bytes]
}

// sizes are those of messages: mostly short, some longer than any window.
func size(random *rand.Rand) int {
	switch random.IntN(10) {
	case 0:
		return random.IntN(70_000)
	case 1:
		return random.IntN(4)
	}
	return random.IntN(1_000)
}

func TestMessagesComeBackWhateverWasAgreed(t *testing.T) {
	for bits := uint8(MinBits); bits <= MaxBits; bits++ {
		for _, takeover := range []bool{false, true} {
			random := rand.New(rand.NewPCG(uint64(bits), 1))
			var d Deflater
			f := NewInflater(1<<20, roomy())
			var in, out Window
			if takeover {
				in, out = NewWindow(bits), NewSentWindow(bits)
			}
			for i := range 80 {
				message := text(random, size(random))
				compressed, err := d.Deflate(message, bits, &out)
				if err != nil {
					t.Fatal(err)
				}
				out.Add(message)
				got, err := f.Inflate(compressed, &in)
				if err != nil || !bytes.Equal(got, message) {
					t.Fatalf("%d bits, takeover %v, message %d of %d bytes: got %d bytes (%v)", bits, takeover, i, len(message), len(got), err)
				}
			}
			for name, w := range map[string]struct {
				Window
				most int
			}{"received": {in, 1 << bits}, "sent": {out, min(1<<bits, lookBackBytes)}} {
				if takes := cap(w.Bytes()); takeover && takes != w.most || !takeover && takes > 0 {
					t.Errorf("%d bits, takeover %v: the window of what is %s takes %d bytes, want %d with it", bits, takeover, name, takes, w.most)
				}
			}
		}
	}
}

// A peer keeps no more than its window.
func TestNothingRefersFurtherBackThanTheWindow(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for bits := uint8(MinBits); bits < MaxBits; bits++ {
		var d Deflater
		message := text(random, 40_000)
		compressed, err := d.Deflate(message, bits, nil)
		if err != nil {
			t.Fatal(err)
		}
		if furthest := furthestDistance(t, append(bytes.Clone(compressed), tail...)); furthest > 1<<bits {
			t.Errorf("%d bits: something refers %d bytes back", bits, furthest)
		}
	}
}

func TestShortMessagesGainByWhatWasSaidBefore(t *testing.T) {
	var d Deflater
	w := NewWindow(MaxBits)
	message := []byte(`{"type":"publish","room":"general","id":"1","payload":"hello"}`)
	w.Add(message)
	alone, err := d.Deflate(message, MaxBits, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := len(alone)
	again, err := d.Deflate(message, MaxBits, &w)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) > first/2 {
		t.Errorf("%d bytes with the window, %d without", len(again), first)
	}
}

func TestExamplesOfTheSpecification(t *testing.T) { // RFC 7692 section 7.2.3
	f, w := NewInflater(1<<10, roomy()), NewWindow(MaxBits)
	for _, row := range []struct{ sentence, in, want string }{
		{"one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"},
		{"the same, referring to the first", "\xf2\x00\x11\x00\x00", "Hello"},
		{"a stored block", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"},
		{"a block marked as the last", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"},
		{"two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"},
		{"an empty message", "\x00", ""},
	} {
		if got, err := f.Inflate([]byte(row.in), &w); err != nil || string(got) != row.want {
			t.Errorf("%s: got %q (%v), want %q", row.sentence, got, err, row.want)
		}
	}
	if got := string(w.Bytes()); got != "HelloHelloHelloHelloHello" {
		t.Errorf("the window holds %q", got)
	}
}

func TestWhatIsWrongWithAMessage(t *testing.T) {
	zeros := func(n int) []byte {
		var b bytes.Buffer
		w, err := stdflate.NewWriter(&b, stdflate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()[:b.Len()-syncBytes]
	}
	for _, row := range []struct {
		sentence string
		in       []byte
		want     error
	}{
		{"a block of a kind that does not exist", []byte("\x07"), ErrData},
		{"a message that ends within a block", []byte("\xf2\x48\xcd"), ErrData},
		{"a reference to what never was", []byte("\xf2\x00\x11\x00\x00"), ErrData},
		{"one byte more than the limit", zeros(1<<20 + 1), ErrTooBig},
		{"a bomb", zeros(1 << 25), ErrTooBig},
	} {
		memory := roomy()
		f := NewInflater(1<<20, memory)
		if _, err := f.Inflate(row.in, nil); err != row.want {
			t.Errorf("%s: error %v, want %v", row.sentence, err, row.want)
		}
		if memory.most > 1<<20+1 {
			t.Errorf("%s: took %d bytes", row.sentence, memory.most)
		}
		if _, err := f.Inflate([]byte("\x00"), nil); err != nil || memory.used != 0 {
			t.Errorf("%s: afterwards an empty message gives %v, and %d bytes are held", row.sentence, err, memory.used)
		}
	}
	if got, err := NewInflater(1<<20, roomy()).Inflate(zeros(1<<20), nil); err != nil || len(got) != 1<<20 {
		t.Errorf("the limit itself: %d bytes (%v)", len(got), err)
	}
	if _, err := NewInflater(1<<20, &account{limit: 1 << 19}).Inflate(zeros(1<<20), nil); err != ErrNoRoom {
		t.Errorf("no memory left: %v, want %v", err, ErrNoRoom)
	}
}

func TestInflatingTakesNoAllocation(t *testing.T) {
	var d Deflater
	message := []byte(strings.Repeat(`{"type":"message","room":"general"}`, 5))
	compressed, err := d.Deflate(message, MaxBits, nil)
	if err != nil {
		t.Fatal(err)
	}
	compressed = bytes.Clone(compressed)
	f := NewInflater(1<<20, roomy())
	w := NewWindow(10)
	if allocs := testing.AllocsPerRun(100, func() {
		if _, err := f.Inflate(compressed, &w); err != nil {
			t.Fatal(err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations to inflate, want 0", allocs)
	}
}

// FuzzInflate feeds any bytes. Another's inflater makes the same of them, and no
// more memory is taken than the limit.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), []byte(""))
	f.Add([]byte("\xf2\x00\x11\x00\x00"), []byte("Hello"))
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []byte(""))
	f.Add([]byte("\x07"), []byte("x"))
	f.Fuzz(func(t *testing.T, in, before []byte) {
		const limit = 100_000
		w := NewWindow(MaxBits)
		w.Add(before)
		memory := roomy()
		got, err := NewInflater(limit, memory).Inflate(in, &w)
		if memory.most > limit+1 {
			t.Fatalf("%d bytes were taken", memory.most)
		}
		want, wantErr := io.ReadAll(io.LimitReader(stdflate.NewReaderDict(
			bytes.NewReader(append(bytes.Clone(in), tail...)), before), limit+1))
		switch {
		case errors.Is(err, ErrTooBig) || len(want) > limit:
		case err != nil && wantErr == nil && !hasLastBlock(in, before):
			t.Fatalf("%v, where another takes %d bytes out of it", err, len(want))
		case err == nil && (wantErr != nil || !bytes.HasPrefix(got, want)):
			t.Fatalf("got %q, another %q (%v)", got, want, wantErr)
		}
	})
}

// hasLastBlock tells whether a block was marked as the last before the tail's.
func hasLastBlock(in, before []byte) bool {
	r := bytes.NewReader(append(bytes.Clone(in), tail...))
	io.Copy(io.Discard, stdflate.NewReaderDict(r, before))
	return r.Len() > 0
}

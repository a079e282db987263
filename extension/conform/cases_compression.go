package conform

import "fmt"

// loads are the message sizes and fragment sizes of each group of 12 and 13.
var loads = []struct{ bytes, fragment int }{
	{16, 0}, {64, 0}, {256, 0}, {1 * kib, 0}, {4 * kib, 0}, {8 * kib, 0}, {16 * kib, 0}, {32 * kib, 0}, {64 * kib, 0}, {128 * kib, 0},
	{8 * kib, 256}, {16 * kib, 256}, {32 * kib, 256}, {64 * kib, 256}, {128 * kib, 256},
	{128 * kib, 1 * kib}, {128 * kib, 4 * kib}, {128 * kib, 32 * kib},
}

// How many messages a compression case sends: as many as fill rallyBytes,
// within these bounds. More of them would only repeat what the window, 32 KiB
// at most, has already been through.
const (
	rallyBytes  = 4 * mib
	mostRallied = 1000
)

func rallyCount(bytes int) int { return min(mostRallied, rallyBytes/bytes) }

func compressionCases() (all []Case) {
	add := func(group, about, corpus string, op Op, open Opening) {
		open.Compression = true
		for i, l := range loads {
			title := fmt.Sprintf("%d compressed messages of %d bytes (%s)", rallyCount(l.bytes), l.bytes, corpus)
			if l.fragment > 0 {
				title += fmt.Sprintf(" in fragments of %d bytes", l.fragment)
			}
			all = append(all, Case{
				ID: fmt.Sprintf("%s.%d", group, i+1), Title: title + ", " + about + ".", RFC: "RFC 7692 7.2", Open: open,
				Script: script(Step{Rally: &Rally{Op: op, Bytes: l.bytes, Count: rallyCount(l.bytes), Corpus: corpus, Fragment: l.fragment, Compress: true}}),
				Close:  closesNormally, Heavy: true,
			})
		}
	}
	for i, c := range []struct {
		corpus string
		op     Op
	}{{"json", OpText}, {"bitmap", OpBinary}, {"prose", OpBinary}, {"html", OpText}, {"packed", OpBinary}} {
		add(fmt.Sprintf("12.%d", i+1), "the plain offer", c.corpus, c.op, Opening{})
	}
	for i, p := range []struct {
		about    string
		offers   []string
		requests []clientLimits
	}{
		{"the plain offer", []string{""}, []clientLimits{{false, 0}}},
		{"no context takeover asked for", []string{noTakeoverOffer}, []clientLimits{{true, 0}}},
		{"a window of 9 bits asked for", []string{bitsOffer(9)}, []clientLimits{{false, 9}}},
		{"a window of 15 bits asked for", []string{bitsOffer(15)}, []clientLimits{{false, 15}}},
		{"no context takeover and a window of 9 bits asked for", []string{noTakeoverOffer + bitsOffer(9)}, []clientLimits{{true, 9}}},
		{"no context takeover and a window of 15 bits asked for", []string{noTakeoverOffer + bitsOffer(15)}, []clientLimits{{true, 15}}},
		{"three offers, from the strictest to the plain one", []string{noTakeoverOffer + bitsOffer(9), noTakeoverOffer, ""}, []clientLimits{{true, 9}, {true, 0}, {false, 0}}},
	} {
		add(fmt.Sprintf("13.%d", i+1), p.about, "json", OpText, Opening{Offers: p.offers, Requests: p.requests})
	}
	return all
}

const noTakeoverOffer = "; server_no_context_takeover"

func bitsOffer(bits int) string { return fmt.Sprintf("; server_max_window_bits=%d", bits) }

package fanout

import (
	"bytes"
	"strconv"
)

// Identifiers of publications are RUN.PUBLISHER.SEQUENCE: RUN, letters and
// digits, tells this process's publications from those of others that the same
// rooms may hear.

// appendID appends a publication's identifier.
func appendID(dst []byte, run string, publisher int, sequence uint64) []byte {
	dst = append(dst, run...)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, int64(publisher), 10)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, sequence, 10)
}

// parseID takes an identifier apart; not ok for one that is not of this run.
func parseID(id []byte, run string) (publisher int, sequence uint64, ok bool) {
	rest, ours := bytes.CutPrefix(id, []byte(run))
	if !ours || len(rest) == 0 || rest[0] != '.' {
		return 0, 0, false
	}
	number, rest, ok := digits(rest[1:])
	if !ok || len(rest) == 0 || rest[0] != '.' || number > 1<<31 {
		return 0, 0, false
	}
	sequence, rest, ok = digits(rest[1:])
	return int(number), sequence, ok && len(rest) == 0
}

// digits reads a decimal number of at most 18 digits.
func digits(text []byte) (value uint64, rest []byte, ok bool) {
	n := 0
	for n < len(text) && text[n]-'0' <= 9 {
		value = value*10 + uint64(text[n]-'0')
		n++
	}
	return value, text[n:], n > 0 && n <= 18
}

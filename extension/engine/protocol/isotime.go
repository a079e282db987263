package protocol

import "time"

// isoTime reads a time as RFC 3339 section 5.6 writes it: a date, a time and its
// offset from UTC. It returns Unix time in milliseconds, fractional, and what
// its last digit stands for.
func isoTime(b []byte) (ms float64, unit time.Duration, ok bool) {
	year, b, ok0 := fixed(b, 4, '-', '-')
	month, b, ok1 := fixed(b, 2, '-', '-')
	day, b, ok2 := fixed(b, 2, 'T', 't', ' ')
	hour, b, ok3 := fixed(b, 2, ':', ':')
	minute, b, ok4 := fixed(b, 2, ':', ':')
	second, b, ok5 := fixed(b, 2)
	if !(ok0 && ok1 && ok2 && ok3 && ok4 && ok5) || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return 0, 0, false
	}
	fraction, scale, unit := int64(0), int64(1), time.Second
	if len(b) > 0 && (b[0] == '.' || b[0] == ',') {
		i := 1
		for ; i < len(b) && i <= 9 && b[i] >= '0' && b[i] <= '9'; i++ {
			fraction, scale, unit = fraction*10+int64(b[i]-'0'), scale*10, unit/10
		}
		if i == 1 {
			return 0, 0, false
		}
		b = b[i:]
	}
	offset, ok := isoOffset(b)
	if !ok {
		return 0, 0, false
	}
	seconds := daysSince1970(year, month, day)*86_400 + hour*3_600 + minute*60 + second
	// A division by a power of ten, so that a time in JavaScript comes out the
	// same to the last bit.
	return float64(seconds*1_000-offset*60_000) + float64(fraction*1_000)/float64(scale), unit, true
}

// fixed reads so many digits, and one of what may follow them.
func fixed(b []byte, digits int, follows ...byte) (n int64, rest []byte, ok bool) {
	if len(b) < digits {
		return 0, nil, false
	}
	for _, c := range b[:digits] {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		n = n*10 + int64(c-'0')
	}
	b = b[digits:]
	if len(follows) == 0 {
		return n, b, true
	}
	for _, c := range follows {
		if len(b) > 0 && b[0] == c {
			return n, b[1:], true
		}
	}
	return 0, nil, false
}

// isoOffset reads what a time ends in, in minutes.
func isoOffset(b []byte) (minutes int64, ok bool) {
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') {
		return 0, true
	}
	if len(b) < 5 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	hour, rest, okHour := fixed(b[1:], 2)
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	minute, rest, okMinute := fixed(rest, 2)
	if !okHour || !okMinute || len(rest) > 0 || hour > 23 || minute > 59 {
		return 0, false
	}
	if minutes = hour*60 + minute; b[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

// daysSince1970 are those to a day of the Gregorian calendar, which it counts
// from March on, so that a leap day is a year's last.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	// 719,469 are the days from 1 March of the year 0 to 1970, and one more
	// since days begin at 1.
	return 365*year + floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400) + (153*(month-3)+2)/5 + day - 719_469
}

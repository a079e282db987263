package contract

// isPlainDateTime tells whether a text surely is a date-time of RFC 3339: one in
// UTC, but on no leap day and at no leap second. About others the format is
// asked, which allocates.
func isPlainDateTime(text []byte) bool {
	const shape = "0000-00-00T00:00:00"
	if len(text) <= len(shape) || text[len(text)-1] != 'Z' {
		return false
	}
	for i, c := range []byte(shape) {
		if c == '0' && !isDigit(text[i]) || c != '0' && text[i] != c {
			return false
		}
	}
	if fraction := text[len(shape) : len(text)-1]; len(fraction) > 0 {
		if len(fraction) == 1 || fraction[0] != '.' {
			return false
		}
		for _, c := range fraction[1:] {
			if !isDigit(c) {
				return false
			}
		}
	}
	two := func(i int) int { return int(text[i]-'0')*10 + int(text[i+1]-'0') }
	month, day := two(5), two(8)
	return month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth[month-1] && two(11) <= 23 && two(14) <= 59 && two(17) <= 59
}

var daysOfMonth = [12]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

package jsontext

// MaxDepth bounds the nesting that is taken: objects and lists in one another.
const MaxDepth = 1000

// Valid tells whether b is one value of JSON, nested at most MaxDepth deep. That
// texts are UTF-8 is to be checked beside it.
func Valid(b []byte) bool {
	i := Skip(b, Space(b, 0), 1)
	return i >= 0 && Space(b, i) == len(b)
}

// Skip returns where the value that begins at i ends, -1 for none. depth is how
// deep an object or list would be that begins there, from 1 on.
func Skip(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		end, _ := StringEnd(b, i)
		return end
	case c == '-' || c >= '0' && c <= '9':
		return NumberEnd(b, i)
	case c == '{' || c == '[':
		if depth > MaxDepth {
			return -1
		}
		return skipElements(b, i, depth)
	}
	return LiteralEnd(b, i)
}

// skipElements returns where the object or list that begins at i ends.
func skipElements(b []byte, i, depth int) int {
	isObject, end := b[i] == '{', b[i]+2 // '}' is '{'+2, and ']' is '['+2
	if i = Space(b, i+1); i < len(b) && b[i] == end {
		return i + 1
	}
	for {
		if isObject {
			if i >= len(b) || b[i] != '"' {
				return -1
			}
			name, _ := StringEnd(b, i)
			if name < 0 {
				return -1
			}
			if i = Space(b, name); i >= len(b) || b[i] != ':' {
				return -1
			}
			i = Space(b, i+1)
		}
		if i = Skip(b, i, depth+1); i < 0 {
			return -1
		}
		if i = Space(b, i); i >= len(b) {
			return -1
		}
		if b[i] == end {
			return i + 1
		}
		if b[i] != ',' {
			return -1
		}
		i = Space(b, i+1)
	}
}

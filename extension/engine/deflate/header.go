package deflate

import "strings"

// offered is one element of Sec-WebSocket-Extensions.
type offered struct {
	name   string
	params []param
}

type param struct {
	name, value string
	hasValue    bool
}

// parseExtensions takes the value of Sec-WebSocket-Extensions apart (RFC 6455
// section 9.1). A value may be quoted.
func parseExtensions(header string) (list []offered, ok bool) {
	s := scanner{rest: header}
	for {
		s.space()
		if s.rest == "" {
			return list, true
		}
		if s.take(',') { // an empty element
			continue
		}
		e := offered{name: s.token()}
		if e.name == "" {
			return nil, false
		}
		for s.space(); s.take(';'); s.space() {
			p, ok := s.param()
			if !ok {
				return nil, false
			}
			e.params = append(e.params, p)
		}
		list = append(list, e)
		if s.rest != "" && !s.take(',') {
			return nil, false
		}
	}
}

type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *scanner) take(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// token takes one (RFC 9110 section 5.6.2), "" for none.
func (s *scanner) token() string {
	end := strings.IndexFunc(s.rest, func(c rune) bool {
		return c <= ' ' || c >= 0x7F || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
	if end < 0 {
		end = len(s.rest)
	}
	token := s.rest[:end]
	s.rest = s.rest[end:]
	return token
}

func (s *scanner) param() (p param, ok bool) {
	s.space()
	if p.name = s.token(); p.name == "" {
		return p, false
	}
	s.space()
	if !s.take('=') {
		return p, true
	}
	s.space()
	p.hasValue = true
	if s.take('"') {
		// A quoted value must be a token, too, so nothing in it is escaped.
		p.value = s.token()
		return p, p.value != "" && s.take('"')
	}
	p.value = s.token()
	return p, p.value != ""
}

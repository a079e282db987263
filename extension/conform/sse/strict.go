package sse

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// event is one event of a stream that is read strictly.
type event struct {
	kind, data, id string
	hasID          bool
}

// strict reads a stream and notes what no server should write.
type strict struct {
	r *bufio.Reader
	// wrong are breaches, odd what readers skip but nobody means.
	wrong, odd []string
	retries    []string
	lines      int
	afterCR    bool
}

func newStrict(r io.Reader) *strict { return &strict{r: bufio.NewReader(r)} }

// longestLine bounds what a server can make this side hold.
const longestLine = 16 << 20

// line reads a line and its end: LF, CR, or CR LF.
func (s *strict) line() (string, error) {
	var line []byte
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			if len(line) > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		if s.afterCR {
			s.afterCR = false
			if b == '\n' {
				continue
			}
		}
		switch b {
		case '\r':
			s.afterCR = true
			return s.whole(line), nil
		case '\n':
			return s.whole(line), nil
		}
		if line = append(line, b); len(line) > longestLine {
			return "", fmt.Errorf("a line is longer than %d bytes", longestLine)
		}
	}
}

func (s *strict) whole(line []byte) string {
	s.lines++
	if s.lines == 1 {
		line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
	}
	if !utf8.Valid(line) {
		s.breach("line %d is not UTF-8: %s", s.lines, shorten(string(line)))
	}
	return string(line)
}

func (s *strict) breach(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// next reads the next event.
func (s *strict) next() (e event, err error) {
	var data []string
	for {
		line, err := s.line()
		if err != nil {
			return e, err
		}
		if line == "" {
			if data == nil {
				e = event{id: e.id, hasID: e.hasID}
				continue
			}
			e.data = strings.Join(data, "\n")
			if e.kind == "" {
				e.kind = "message"
			}
			return e, nil
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "": // a comment
		case "data":
			data = append(data, value)
		case "event":
			e.kind = value
		case "id":
			if strings.Contains(value, "\x00") {
				s.breach("an id has a NUL, so that clients ignore it")
			}
			e.id, e.hasID = value, true
		case "retry":
			s.retries = append(s.retries, value)
			if value == "" || strings.Trim(value, "0123456789") != "" {
				s.breach("retry is %q, expected digits", shorten(value))
			}
		default:
			s.odd = append(s.odd, fmt.Sprintf("the field %q is unknown, so that clients ignore it", shorten(name)))
		}
	}
}

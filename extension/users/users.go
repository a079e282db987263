// Package users reads who connects: a file of CSV (RFC 4180) with a header line,
// or of JSON lines, one line for each connection, each column a variable. A million users are one
// text in memory and where its lines begin. lib/users.ts reads the same for
// scripts; users-fixtures.json, beside it, holds both to it.
package users

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Users are those of one file.
type Users struct {
	columns []string
	text    string
	starts  []int // of lines, the header not among them
}

// Columns are the names in the header line.
func (u *Users) Columns() []string { return u.columns }

// Len is the number of lines below it.
func (u *Users) Len() int { return len(u.starts) }

// Value is a field of a connection's line; lines are taken over again when
// there are fewer. It is part of the one text, and no copy.
func (u *Users) Value(connection, column int) string {
	fields, _, _ := record(u.text, u.starts[connection%len(u.starts)], column+1)
	return fields[column]
}

// Row is a connection's line.
func (u *Users) Row(connection int) []string {
	fields, _, _ := record(u.text, u.starts[connection%len(u.starts)], len(u.columns))
	return fields
}

// Column is the index of a column, -1 for none.
func (u *Users) Column(name string) int { return slices.Index(u.columns, name) }

// Read reads a file. Its errors name the line and the column that is wrong,
// and never a value, which may be a token.
//
// size is how long the file is, as far as is known: memory for as much is
// taken at once. reserved are names that no column may have.
func Read(file io.Reader, size int64, reserved []string) (*Users, error) {
	var b strings.Builder
	b.Grow(int(size))
	if _, err := io.Copy(&b, file); err != nil {
		return nil, err
	}
	if !isJSON(b.String()) {
		return parse(b.String(), reserved)
	}
	csv, err := csvOfJSONLines(b.String())
	if err != nil {
		return nil, err
	}
	u, err := parse(csv, reserved)
	if at := (*lineError)(nil); errors.As(err, &at) {
		at.line = max(1, at.line-1) // what it was rewritten as has a header more
	}
	return u, err
}

const wantHeader = "a header of names such as user,token,tenant"

func parse(text string, reserved []string) (*Users, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if !strings.Contains(text, "\n") && strings.Contains(text, "\r") {
		text = strings.ReplaceAll(text, "\r", "\n") // as old Macs wrote
	}
	end := endOfRecords(text)
	if end == 0 {
		return nil, wrong(1, "", wantHeader, "nothing")
	}
	u := &Users{text: text}
	token, line := -1, 1
	for at := 0; at < end; {
		fields, next, ok := record(text, at, 0)
		if !ok {
			return nil, wrong(line, "", "quotes around whole fields", "something else")
		}
		if u.columns == nil {
			if err := u.readHeader(fields, reserved); err != nil {
				return nil, err
			}
			token = u.Column("token")
			u.starts = make([]int, 0, strings.Count(text, "\n"))
		} else {
			if err := u.checkLine(line, fields, token); err != nil {
				return nil, err
			}
			u.starts = append(u.starts, at)
		}
		line += max(1, strings.Count(text[at:next], "\n"))
		at = next
	}
	if len(u.starts) == 0 {
		return nil, wrong(2, "", "at least one user", "nothing")
	}
	return u, nil
}

// endOfRecords is where nothing but blank lines follows.
func endOfRecords(text string) int {
	kept := strings.TrimRight(text, " \t\r\n")
	if kept == "" {
		return 0
	}
	if feed := strings.IndexByte(text[len(kept):], '\n'); feed >= 0 {
		return len(kept) + feed + 1
	}
	return len(text)
}

var columnName = regexp.MustCompile(`^[A-Za-z_][0-9A-Za-z_]{0,63}$`)

// readHeader takes the names of the columns. Only names that cannot be a token are repeated in
// errors: a file without a header line begins with one.
func (u *Users) readHeader(fields []string, reserved []string) error {
	u.columns = make([]string, len(fields))
	for i, field := range fields {
		u.columns[i] = strings.TrimSpace(field)
	}
	isKnown := slices.Contains(u.columns, "user") || slices.Contains(u.columns, "token")
	for i, name := range u.columns {
		for _, known := range []string{"user", "token"} {
			if name != known && strings.ToLower(name) == known {
				return wrong(1, "", known, name)
			}
		}
		switch {
		case slices.Contains(reserved, name):
			return wrong(1, "", fmt.Sprintf("no column %s, which the scenario itself sets", name), name)
		// Without a name of ours, a digit is the sign of a token where the header should be.
		case !columnName.MatchString(name), !isKnown && strings.ContainsAny(name, "0123456789"):
			return wrong(1, "", wantHeader, u.headerShape(name))
		case slices.Index(u.columns, name) != i:
			return wrong(1, "", "each column once", name+" twice")
		}
	}
	return nil
}

// headerShape is what stands where a header should, without any text of it,
// which may be a token.
func (u *Users) headerShape(name string) string {
	isAlone := len(u.columns) == 1
	switch {
	case strings.Contains(name, "\x00"):
		return "UTF-16, where UTF-8 is expected"
	// Spreadsheets write these where the comma is the decimal mark, or as they copy.
	case isAlone && strings.Contains(name, ";"):
		return "one with semicolons in place of commas"
	case isAlone && strings.Contains(name, "\t"):
		return "one with tabs in place of commas"
	}
	return "something else"
}

// isUTF8 is false for U+FFFD, too, which a reader of UTF-8 puts in the place
// of other bytes.
func isUTF8(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsRune(value, utf8.RuneError)
}

func (u *Users) checkLine(line int, fields []string, token int) error {
	if len(fields) != len(u.columns) {
		expected, got := fmt.Sprintf("%d fields", len(u.columns)), fmt.Sprint(len(fields))
		if len(u.columns) == 1 {
			expected = "1 field"
		}
		if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" {
			got = "an empty line"
		}
		return wrong(line, "", expected, got)
	}
	for i, value := range fields {
		expected, got := "a value", ""
		switch {
		case i == token:
			expected = "printable ASCII without spaces"
			if !IsToken(value) {
				got = ShapeOf(value)
			}
		case !isUTF8(value):
			expected, got = "a value in UTF-8", "one in another encoding"
		case has(value, func(c byte) bool { return c < 0x20 || c == 0x7f }):
			expected, got = "a value without line breaks and control characters", "one with"
		}
		if value == "" {
			got = "an empty field"
		}
		if got != "" {
			return wrong(line, u.columns[i], expected, got)
		}
	}
	return nil
}

func has(value string, is func(byte) bool) bool {
	for i := range len(value) {
		if is(value[i]) {
			return true
		}
	}
	return false
}

func wrong(line int, column, expected, got string) error {
	return &lineError{line, column, expected, got}
}

// lineError is the fault of a line, counted from 1.
type lineError struct {
	line                  int
	column, expected, got string
}

func (e *lineError) Error() string {
	where := fmt.Sprintf("line %d", e.line)
	if e.column != "" {
		where += ", column " + e.column
	}
	return fmt.Sprintf("%s: expected %s, got %s", where, e.expected, e.got)
}

// record takes the record that begins at start apart, as far as its first most fields; 0 for all.
// If all were taken, next is the start of the one after it. If its quotes do not close, ok is
// false.
func record(text string, start, most int) (fields []string, next int, ok bool) {
	for at := start; ; {
		var field string
		if at < len(text) && text[at] == '"' {
			end := closingQuote(text, at+1)
			if end < 0 {
				return nil, 0, false
			}
			field = text[at+1 : end]
			if strings.Contains(field, `""`) {
				field = strings.ReplaceAll(field, `""`, `"`)
			}
			at = end + 1
			if strings.HasPrefix(text[at:], "\r\n") || text[at:] == "\r" {
				at++
			}
		} else {
			end := at + strings.IndexAny(text[at:], ",\n")
			if end < at {
				end = len(text)
			}
			field = text[at:end]
			if end == len(text) || text[end] == '\n' {
				field = strings.TrimSuffix(field, "\r")
			}
			if strings.Contains(field, `"`) {
				return nil, 0, false
			}
			at = end
		}
		fields = append(fields, field)
		switch {
		case len(fields) == most, at >= len(text):
			return fields, min(at, len(text)), true
		case text[at] == '\n':
			return fields, at + 1, true
		case text[at] != ',':
			return nil, 0, false
		}
		at++
	}
}

func closingQuote(text string, start int) int {
	for at := start; ; {
		i := strings.IndexByte(text[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		if at+1 >= len(text) || text[at+1] != '"' {
			return at
		}
		at += 2
	}
}

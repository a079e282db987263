package users

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestFixtures runs the table that lib/users.ts runs.
func TestFixtures(t *testing.T) {
	text, err := os.ReadFile("../../lib/users-fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Reserved []string
		Files    []struct {
			Name, CSV, Error string
			Columns          []string
			Rows             [][]string
		}
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	for _, f := range table.Files {
		t.Run(f.Name, func(t *testing.T) {
			u, err := Read(strings.NewReader(f.CSV), int64(len(f.CSV)), table.Reserved)
			if f.Error != "" {
				if err == nil || err.Error() != f.Error {
					t.Fatalf("got error %v, want %s", err, f.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(u.Columns(), f.Columns) || u.Len() != len(f.Rows) {
				t.Fatalf("got columns %q and %d rows, want %q and %d", u.Columns(), u.Len(), f.Columns, len(f.Rows))
			}
			for i := range 2 * len(f.Rows) {
				want := f.Rows[i%len(f.Rows)]
				if row := u.Row(i); !slices.Equal(row, want) {
					t.Errorf("row %d: got %q, want %q", i, row, want)
				}
				for column := range want {
					if value := u.Value(i, column); value != want[column] {
						t.Errorf("row %d, column %d: got %q, want %q", i, column, value, want[column])
					}
				}
			}
		})
	}
}

// TestOtherEncodings: bytes that are no UTF-8 have no place in the table of
// fixtures, which is JSON.
func TestOtherEncodings(t *testing.T) {
	const want = "line 2, column user: expected a value in UTF-8, got one in another encoding"
	for _, file := range []string{"user,token\nj\xfcrg,t1\n", "{\"user\":\"ann\"}\n{\"user\":\"j\xfcrg\"}\n"} {
		if _, err := Read(strings.NewReader(file), int64(len(file)), nil); err == nil || err.Error() != want {
			t.Errorf("%q: got error %v, want %s", file, err, want)
		}
	}
}

// TestValueIsNoCopy: a run asks for values of each connection.
func TestValueIsNoCopy(t *testing.T) {
	u, err := parse("user,token\nann,t1\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	value := unsafe.StringData(u.Value(0, 1))
	if at := strings.Index(u.text, "t1"); value != unsafe.StringData(u.text[at:]) {
		t.Error("a value is a copy of what the file holds")
	}
}

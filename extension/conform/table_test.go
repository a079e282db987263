package conform

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestKnownNumbers holds the cases of groups 1 to 13 to the numbers that the
// field knows.
func TestKnownNumbers(t *testing.T) {
	want := map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126}
	got := map[string]int{}
	for _, c := range Cases() {
		group, _, _ := strings.Cut(c.ID, ".")
		got[group]++
	}
	for group, n := range want {
		if got[group] != n {
			t.Errorf("group %s has %d cases, want %d", group, got[group], n)
		}
	}
}

func TestEachCaseNamesItsParagraph(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.ID] {
			t.Errorf("case %s is there twice", c.ID)
		}
		seen[c.ID] = true
		if !strings.HasPrefix(c.RFC, "RFC ") || c.Title == "" {
			t.Errorf("case %s has paragraph %q and title %q", c.ID, c.RFC, c.Title)
		}
	}
}

func TestSelection(t *testing.T) {
	tests := []struct {
		name string
		s    Selection
		want int
	}{
		{"a number", Selection{Cases: []string{"7.1.5"}}, 1},
		{"a group", Selection{Cases: []string{"7.1"}}, 6},
		{"a pattern", Selection{Cases: []string{"7.*"}}, 37},
		{"a group is no prefix of another's number", Selection{Cases: []string{"1"}}, 16},
		{"patterns left out", Selection{Cases: []string{"12", "7.1"}, Exclude: []string{"12.*"}}, 6},
	}
	for _, test := range tests {
		got, err := test.s.Select(Server)
		if err != nil || len(got) != test.want {
			t.Errorf("%s: %d cases (%v), want %d", test.name, len(got), err, test.want)
		}
	}
	for _, s := range []Selection{{Cases: []string{"99.1"}}, {Exclude: []string{"7.1.77"}}, {Cases: []string{"1.1.1"}, Exclude: []string{"1.*"}}} {
		if got, err := s.Select(Server); err == nil {
			t.Errorf("%+v: got %d cases, want an error", s, len(got))
		}
	}
	s := Selection{ExcludeAgent: map[string][]string{"node*": {"9.*"}}}
	if !s.Excluded("node-ws", "9.1.1") || s.Excluded("gorilla", "9.1.1") || s.Excluded("node-ws", "1.1.1") {
		t.Error("exclude-agent-cases: want 9.* left out for node* alone")
	}
}

// TestTheDocumentCountsTheCases holds the figures of docs/reference/conformance.md.
func TestTheDocumentCountsTheCases(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, c := range Cases() {
		group, _, _ := strings.Cut(c.ID, ".")
		counts[group]++
	}
	more := 0
	for group, n := range counts {
		if len(group) < 2 || group[0] != '2' {
			continue
		}
		more += n
		if row := fmt.Sprintf("\n| %s | %d | ", group, n); !strings.Contains(string(text), row) {
			t.Errorf("want a row %q", row)
		}
	}
	if want := fmt.Sprintf("%d of its own", more); !strings.Contains(string(text), want) {
		t.Errorf("want the words %q", want)
	}
}

package faulty

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"xk6-realtime/conform"
)

// serve runs a server with a fault until the test ends.
func serve(t *testing.T, fault string) *conform.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go Serve(l, fault)
	return &conform.Target{Agent: fault, URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
}

func run(t *testing.T, fault string, o conform.Options, s conform.Selection) []conform.Result {
	t.Helper()
	cases, err := s.Select(conform.Server)
	if err != nil {
		t.Fatal(err)
	}
	return conform.Run(context.Background(), serve(t, fault), cases, o)
}

func TestWithoutAFaultAllCasesPass(t *testing.T) {
	for _, r := range run(t, "", conform.Options{}, conform.Selection{Quick: true, Exclude: []string{"6.4"}}) {
		if r.Fails() || r.Behavior == conform.Unimplemented {
			t.Errorf("%s %s, %s: %s; %s", r.ID, r.Behavior, r.Close, r.Why, r.WhyClose)
		}
	}
}

// silence ends the cases in which a fault does nothing. A right server answers
// in far less, and a wrong one never.
const silence = 2 * time.Second

func TestEachFaultIsFound(t *testing.T) {
	for _, f := range Faults {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			for _, r := range run(t, f.Name, conform.Options{Silence: silence}, conform.Selection{Cases: []string{f.FoundBy}}) {
				if !r.Fails() {
					t.Errorf("%s does not find that the server %s: %s", r.ID, f.What, r.Why)
				}
			}
		})
	}
}

// TestTheDocumentListsTheFaults holds the table of docs/reference/conformance.md.
func TestTheDocumentListsTheFaults(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Faults {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(f.What) + ` \| (yes|no) \| ` + regexp.QuoteMeta(f.FoundBy) + ` \|$`)
		if !row.Match(text) {
			t.Errorf("want a row that says that a server that %s is found by %s", f.What, f.FoundBy)
		}
	}
}

// TestTable prints what the known cases and all cases find of the faults, as
// docs/reference/conformance.md has it: CONFORM_TABLE=1 go test -run TestTable -v
func TestTable(t *testing.T) {
	if os.Getenv("CONFORM_TABLE") == "" {
		t.Skip("takes minutes: set CONFORM_TABLE=1")
	}
	var known, all int
	for _, f := range Faults {
		old, more := 0, 0
		first := ""
		for _, r := range run(t, f.Name, conform.Options{Silence: silence, Parallel: 100}, tableCases()) {
			if !r.Fails() {
				continue
			}
			if isKnown(r.ID) {
				old++
			} else {
				more++
			}
			if first == "" {
				first = r.ID
			}
		}
		if old > 0 {
			known++
		}
		if old+more > 0 {
			all++
		}
		fmt.Printf("| %s | %d | %d | %s |\n", f.What, old, old+more, first)
	}
	fmt.Printf("known %d, all %d of %d\n", known, all, len(Faults))
}

// tableCases leave out what moves megabytes: of the compression groups the
// messages of 256 bytes and the fragmented ones of 8 KiB stay.
func tableCases() (s conform.Selection) {
	for _, c := range conform.Cases() {
		compression := strings.HasPrefix(c.ID, "12.1.") || strings.HasPrefix(c.ID, "13.")
		if !c.Heavy || compression && (strings.HasSuffix(c.ID, ".3") || strings.HasSuffix(c.ID, ".11")) {
			s.Cases = append(s.Cases, c.ID)
		}
	}
	return s
}

// isKnown tells whether the field knows the case's number.
func isKnown(id string) bool {
	group, _, _ := strings.Cut(id, ".")
	return len(group) == 1 || group[0] == '1'
}

package conform

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// indexed is a case in index.json, by the names that scripts in the field
// read.
type indexed struct {
	Behavior   Behavior `json:"behavior"`
	Close      Behavior `json:"behaviorClose"`
	DurationMs int64    `json:"duration"`
	RemoteCode *int     `json:"remoteCloseCode"`
	ReportFile string   `json:"reportfile"`
}

// caseFile is the record of one case, by the same names as far as they are
// known.
type caseFile struct {
	Result
	Description  string  `json:"description"`
	DurationMs   int64   `json:"duration"`
	Why          string  `json:"result"`
	WhyClose     string  `json:"resultClose"`
	ClosedByMe   bool    `json:"closedByMe"`
	DroppedByMe  bool    `json:"droppedByMe"`
	RemoteReason *string `json:"remoteCloseReason"`
}

// Subject is the implementation under test, as reports name it.
type Subject string

// The subjects.
const (
	WebSocket        Subject = "WebSocket"
	ServerSentEvents Subject = "SSE"
)

// Write writes index.json, a JSON file for each case, and results.json, which
// holds all there is, into a directory. It makes the directory.
func Write(dir string, of Subject, role Testee, results []Result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	index := map[string]map[string]indexed{}
	for i := range results {
		r := &results[i]
		if index[r.Agent] == nil {
			index[r.Agent] = map[string]indexed{}
		}
		name := fileName(r.Agent, r.ID)
		index[r.Agent][r.ID] = indexed{r.Behavior, r.Close, int64(r.DurationMs), r.RemoteCode, name}
		if err := writeJSON(filepath.Join(dir, name), recordOf(r)); err != nil {
			return err
		}
	}
	if err := writeJSON(filepath.Join(dir, "index.json"), index); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "results.json"), all{Format: Format, Subject: of, Testee: role.String(), Results: results})
}

// Format names the shape of results.json.
const Format = "k6-realtime conform 1"

type all struct {
	Format  string   `json:"format"`
	Subject Subject  `json:"subject"`
	Testee  string   `json:"testee"`
	Results []Result `json:"results"`
}

func (t Testee) String() string { return [...]string{"both", "server", "client"}[t] }

func recordOf(r *Result) caseFile {
	return caseFile{
		Result: *r, Description: r.Title, DurationMs: int64(r.DurationMs), Why: r.Why, WhyClose: r.WhyClose,
		ClosedByMe: r.trace.ClosedByMe, DroppedByMe: r.trace.Dropped, RemoteReason: r.RemoteReason,
	}
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9]+`)

// fileName is safe whatever an agent calls itself.
func fileName(agent, id string) string {
	name := unsafe.ReplaceAllString(agent, "_")
	return fmt.Sprintf("%.80s_case_%s.json", name, unsafe.ReplaceAllString(id, "_"))
}

// writeJSON replaces a file in one step.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	temporary := path + ".part"
	if err := os.WriteFile(temporary, append(b, '\n'), 0o644); err != nil {
		os.Remove(temporary)
		return err
	}
	return os.Rename(temporary, path)
}

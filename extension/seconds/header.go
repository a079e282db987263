package seconds

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/url"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"
)

const (
	formatName    = "k6-realtime"
	formatVersion = 1
)

// Header is what was run, and on what: the first line of a recording.
type Header struct {
	Format  string `json:"recording"`
	Version int    `json:"version"`
	// ID is of one test in one process, whichever outputs store it: so a run is
	// known for itself wherever it is read from.
	ID string `json:"id"`
	// Run is what the instances of one run have in common: k6's tag "testid".
	Run string `json:"run,omitempty"`
	// Scenario is what a script of the toolkit is called, of another its file
	// name without the extension.
	Scenario  string    `json:"scenario"`
	StartedAt time.Time `json:"startedAt"`
	// LongestMs is how long the load may take by k6's plan, graceful stops
	// included.
	LongestMs float64 `json:"longestMs"`
	// PlannedMs is how long it is to take, as the script says in the
	// environment of its k6 scenarios; 0 where it does not.
	PlannedMs float64 `json:"plannedMs,omitempty"`
	// Segment and SegmentSequence are k6's --execution-segment and
	// --execution-segment-sequence; empty where this process runs all of it.
	Segment         string `json:"segment,omitempty"`
	SegmentSequence string `json:"segmentSequence,omitempty"`
	// Thresholds are the script's, whether or not k6 evaluates them.
	Thresholds map[string][]string `json:"thresholds"`
	// Floor are the limits that hold whatever the profile, from the environment of the script's
	// k6 scenarios; nil if it is not there.
	Floor map[string][]string `json:"floor,omitempty"`
	// Tested is the target and the settings of the test, from the environment of the script's k6
	// scenarios; nil if it is not there.
	Tested      json.RawMessage `json:"tested,omitempty"`
	K6          string          `json:"k6,omitempty"`
	Extension   string          `json:"extension,omitempty"`
	Environment Environment     `json:"environment"`
}

// Environment is what the generator ran on. Zero is left out: not known.
type Environment struct {
	Host string `json:"host,omitempty"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	// CPUs is how many processors Go uses: those of the machine, or of the
	// container's limit.
	CPUs int `json:"cpus"`
	// MemoryBytes is the memory of the machine.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
	// Descriptors is how many files this process may have open, sockets included.
	Descriptors uint64 `json:"descriptors,omitempty"`
}

// NewHeader describes the run that starts now.
func NewHeader(params output.Params, thresholds map[string]metrics.Thresholds) Header {
	longest, _ := lib.GetEndOffset(params.ExecutionPlan)
	h := Header{
		Format:    formatName,
		Version:   formatVersion,
		ID:        idOf(params.ScriptPath),
		Run:       params.ScriptOptions.RunTags["testid"],
		Scenario:  scenarioOf(params),
		StartedAt: time.Now(),
		LongestMs: milliseconds(longest),
		PlannedMs: planned(params.ScriptOptions.Scenarios),
		K6:        versionOf("go.k6.io/k6/v2"),
		Extension: versionOf("xk6-realtime"),
		Environment: Environment{
			OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0),
			MemoryBytes: machineMemory(), Descriptors: descriptorLimit(),
		},
		Thresholds: map[string][]string{},
		Floor:      floorOf(params.ScriptOptions.Scenarios),
		Tested:     testedBy(params.ScriptOptions.Scenarios),
	}
	h.Environment.Host, _ = os.Hostname()
	if segment := params.ScriptOptions.ExecutionSegment; segment != nil {
		h.Segment = segment.String()
	}
	if sequence := params.ScriptOptions.ExecutionSegmentSequence; sequence != nil {
		h.SegmentSequence = sequence.String()
	}
	for series, of := range thresholds {
		for _, threshold := range of.Thresholds {
			h.Thresholds[series] = append(h.Thresholds[series], threshold.Source)
		}
	}
	return h
}

// planned is how long a load is to take in milliseconds: k6 itself knows only
// how long it may.
func planned(scenarios lib.ScenarioConfigs) (most float64) {
	for _, scenario := range scenarios {
		ms, err := strconv.ParseFloat(scenario.GetEnv()["PLANNED_MS"], 64)
		if err == nil && ms > 0 && !math.IsInf(ms, 1) { // which JSON has not, nor NaN
			most = max(most, milliseconds(scenario.GetStartTime())+ms)
		}
	}
	return most
}

// floorOf is all that the scenarios of a script hold whatever the profile.
func floorOf(scenarios lib.ScenarioConfigs) map[string][]string {
	var all map[string][]string
	for _, scenario := range scenarios {
		var own map[string][]string
		if json.Unmarshal([]byte(scenario.GetEnv()["FLOOR"]), &own) != nil {
			continue // a variable of the user's own
		}
		for series, expressions := range own {
			if all == nil {
				all = map[string][]string{}
			}
			all[series] = append(all[series], expressions...)
		}
	}
	return all
}

// longestTested is more than a script of the toolkit has to say.
const longestTested = 64 << 10

// testedBy is what the one scenario of a script says that it tests.
func testedBy(scenarios lib.ScenarioConfigs) json.RawMessage {
	if len(scenarios) != 1 {
		return nil
	}
	for _, scenario := range scenarios {
		said := scenario.GetEnv()["TESTED"]
		if strings.HasPrefix(said, "{") && len(said) <= longestTested && json.Valid([]byte(said)) {
			return json.RawMessage(said)
		}
	}
	return nil
}

// ids has the test of each script. k6 hands all outputs of a test the same
// address of it.
var ids sync.Map

func idOf(script *url.URL) string {
	if script == nil {
		return newID()
	}
	id, _ := ids.LoadOrStore(script, newID())
	return id.(string)
}

func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

func scenarioOf(params output.Params) string {
	if len(params.ScriptOptions.Scenarios) == 1 {
		for name, scenario := range params.ScriptOptions.Scenarios {
			// As lib/k6/scenario.ts makes it, whatever its file is called: in an archive that is the archive's.
			if scenario.GetTags()["profile"] != "" {
				return name
			}
		}
	}
	if params.ScriptPath == nil {
		return "script"
	}
	name := path.Base(params.ScriptPath.Path)
	name = strings.TrimSuffix(name, path.Ext(name))
	if name == "" || name == "-" || name == "." || name == "/" {
		return "script" // from stdin
	}
	return name
}

// versionOf is the version of a module in this binary, empty when it has none:
// one that was built from a folder has a placeholder.
func versionOf(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dependency := range append(info.Deps, &info.Main) {
		if dependency.Path != module {
			continue
		}
		if dependency.Replace != nil || dependency.Version == "(devel)" {
			return ""
		}
		return dependency.Version
	}
	return ""
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

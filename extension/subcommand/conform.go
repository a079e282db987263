package subcommand

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"xk6-realtime/conform"
	"xk6-realtime/conform/sse"
)

// Conform is the name of the command that tests WebSocket implementations.
const Conform = "conform"

// conformFlags are what the roles have in common.
type conformFlags struct {
	spec          string
	cases         []string
	exclude       []string
	mode          string
	results       string
	baseline      string
	writeBaseline string
	json          bool
	parallel      int
	timeout       time.Duration
	http2         bool
}

// httpVersion is the value of --http-version: whether it is 2.
type httpVersion struct{ is2 *bool }

func (v httpVersion) String() string {
	if v.is2 != nil && *v.is2 {
		return "2"
	}
	return "1.1"
}

func (v httpVersion) Set(s string) error {
	if s != "1.1" && s != "2" {
		return errors.New("expected 1.1 or 2")
	}
	*v.is2 = s == "2"
	return nil
}

func (httpVersion) Type() string { return "string" }

// registerHTTPVersion says what 2 does, in a clause.
func registerHTTPVersion(cmd *cobra.Command, is2 *bool, does string) {
	cmd.Flags().Var(httpVersion{is2}, "http-version", "2 "+does)
}

// NewConform makes the command `k6 x conform` with its roles.
func NewConform(*state.GlobalState) *cobra.Command {
	cmd := &cobra.Command{
		Use:   Conform,
		Short: "Test an implementation of WebSocket, or of server-sent events",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(conformServer(), conformClient(), conformTestee(), conformSSEServer(), conformSSEClient(), conformCases())
	return cmd
}

func (f *conformFlags) register(cmd *cobra.Command) {
	f.registerShared(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.spec, "spec", "", "spec file: servers, cases, exclude-cases, exclude-agent-cases, outdir")
	flags.StringVar(&f.mode, "mode", "full", "full, or quick: without the cases that move a megabyte and more")
}

// registerShared are the flags of all roles.
func (f *conformFlags) registerShared(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.cases, "cases", nil, "cases to run: numbers (7.1.5), groups (7.1), patterns ('7.*'); default all")
	flags.StringSliceVar(&f.exclude, "exclude", nil, "cases to leave out, written as for --cases")
	flags.StringVar(&f.results, "results", "", "directory for the results; default conform-results, or the spec file's outdir")
	flags.StringVar(&f.baseline, "baseline", "", "file with known failures, which do not fail the run")
	flags.StringVar(&f.writeBaseline, "write-baseline", "", "file to write this run's failures to")
	flags.BoolVar(&f.json, "json", false, "print the outcome as JSON, in place of text")
	flags.DurationVar(&f.timeout, "timeout", conform.DefaultSilence, "ends a case in which no byte moves for so long; 0 for never, with one case at a time")
}

// prepared is what the flags and the spec file come to.
type prepared struct {
	subject   conform.Subject
	spec      *conform.Spec
	selection *conform.Selection
	cases     []*conform.Case
	ids       []string // of the cases
	baseline  *conform.Baseline
	results   string
	options   conform.Options
}

func (f *conformFlags) prepare(testee conform.Testee) (*prepared, error) {
	p := &prepared{subject: conform.WebSocket, spec: &conform.Spec{}}
	var err error
	if f.spec != "" {
		if p.spec, err = conform.ReadSpec(f.spec); err != nil {
			return nil, err
		}
	}
	if f.mode != "full" && f.mode != "quick" {
		return nil, fmt.Errorf("--mode: expected full or quick, got %q", f.mode)
	}
	if f.timeout < 0 {
		return nil, fmt.Errorf("--timeout: expected a duration of at least 0, got %s", f.timeout)
	}
	if err := f.prepareShared(p); err != nil {
		return nil, err
	}
	p.selection = &conform.Selection{
		Cases: f.cases, Exclude: slices.Concat(f.exclude, p.spec.ExcludeCases),
		ExcludeAgent: p.spec.ExcludeAgentCases, Quick: f.mode == "quick", HTTP2: f.http2,
	}
	if len(f.cases) == 0 {
		p.selection.Cases = p.spec.Cases
	}
	if p.cases, err = p.selection.Select(testee); err != nil {
		return nil, err
	}
	for _, c := range p.cases {
		p.ids = append(p.ids, c.ID)
	}
	p.results = firstNonEmpty(f.results, p.spec.Outdir, "conform-results")
	p.options = conform.Options{Parallel: f.parallel, Silence: f.timeout}
	if f.timeout == 0 {
		p.options.Silence, p.options.Parallel = -1, 1
	}
	return p, nil
}

// prepareShared makes the preparations that all roles share.
func (f *conformFlags) prepareShared(p *prepared) (err error) {
	if f.parallel < 0 || f.parallel > 1000 {
		return fmt.Errorf("--parallel: expected 1 to 1000, got %d", f.parallel)
	}
	if f.baseline != "" {
		p.baseline, err = conform.ReadBaseline(f.baseline)
	}
	return err
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// conclude writes the results and reports them. The error carries the exit code: 99 for failures.
func (f *conformFlags) conclude(out io.Writer, p *prepared, role conform.Testee, results []conform.Result, interrupted bool) error {
	o := conform.Compare(results, p.baseline)
	err := conform.Write(p.results, p.subject, role, results)
	if err == nil && f.writeBaseline != "" {
		err = conform.WriteBaseline(f.writeBaseline, results)
	}
	if err != nil {
		return withCode(err, exitError)
	}
	missing := missingCases(p, results)
	if f.json {
		printJSON(out, p, results, o, missing)
	} else {
		printText(out, p, results, o, missing)
	}
	switch {
	case interrupted:
		return withCode(errors.New("interrupted: not all cases were run"), exitcodes.ExternalAbort)
	case len(results) == 0:
		return withCode(errors.New("no case was run"), exitcodes.ThresholdsHaveFailed)
	case len(o.Failed) > 0:
		return withCode(fmt.Errorf("%d cases failed", len(o.Failed)), exitcodes.ThresholdsHaveFailed)
	case len(missing) > 0:
		return withCode(errors.New("not all cases were run"), exitcodes.ThresholdsHaveFailed)
	}
	return nil
}

func withCode(err error, code exitcodes.ExitCode) error {
	return errext.WithExitCodeIfNone(err, code)
}

// missingCases are how many of its cases each agent has not run.
func missingCases(p *prepared, results []conform.Result) map[string]int {
	missing := map[string]int{}
	for _, agent := range conform.Agents(results) {
		ran := map[string]bool{}
		for i := range results {
			if results[i].Agent == agent {
				ran[results[i].ID] = true
			}
		}
		for _, id := range p.ids {
			if !ran[id] && !p.selection.Excluded(agent, id) {
				missing[agent]++
			}
		}
	}
	return missing
}

func printText(out io.Writer, p *prepared, results []conform.Result, o conform.Outcome, missing map[string]int) {
	for _, agent := range conform.Agents(results) {
		var own []conform.Result
		for _, r := range results {
			if r.Agent == agent {
				own = append(own, r)
			}
		}
		words, counts := conform.Tally(own)
		fmt.Fprintf(out, "%s: %d cases", agent, len(own))
		for _, w := range words {
			fmt.Fprintf(out, ", %d %s", counts[w], w)
		}
		if missing[agent] > 0 {
			fmt.Fprintf(out, "; %d cases were not run", missing[agent])
		}
		fmt.Fprintln(out)
	}
	for _, r := range o.Failed {
		fmt.Fprintf(out, "  %s %s %s (%s): %s\n", r.Agent, r.ID, r.Word(), r.RFC, reason(r))
	}
	if len(o.Known) > 0 {
		fmt.Fprintf(out, "%d failures are known from the baseline\n", len(o.Known))
	}
	for _, r := range o.UnexpectedPasses {
		fmt.Fprintf(out, "  %s %s passes, and the baseline says it fails: write the baseline anew\n", r.Agent, r.ID)
	}
	fmt.Fprintf(out, "results: %s\n", filepath.Join(p.results, "results.json"))
}

func reason(r *conform.Result) string {
	if r.Behavior.Fails() {
		return r.Why
	}
	return r.WhyClose
}

func printJSON(out io.Writer, p *prepared, results []conform.Result, o conform.Outcome, missing map[string]int) {
	type failure struct {
		Agent   string           `json:"agent"`
		ID      string           `json:"id"`
		Verdict conform.Behavior `json:"verdict"`
		Why     string           `json:"why"`
	}
	list := func(of []*conform.Result) []failure {
		all := []failure{}
		for _, r := range of {
			all = append(all, failure{r.Agent, r.ID, r.Word(), reason(r)})
		}
		return all
	}
	_, counts := conform.Tally(results)
	json.NewEncoder(out).Encode(map[string]any{
		"results": filepath.Join(p.results, "results.json"), "cases": len(results), "verdicts": counts,
		"failed": list(o.Failed), "known": list(o.Known), "unexpectedPasses": list(o.UnexpectedPasses), "notRun": missing,
	})
}

// interruptible is a context that ends with the first signal to end.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// progress tells on a terminal's error output how far a run is.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	total int
	done  int
	next  time.Time
}

func newProgress(out io.Writer, total int) *progress {
	return &progress{out: out, total: total, next: time.Now().Add(progressEvery)}
}

const progressEvery = 10 * time.Second

func (p *progress) note(conform.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressEvery)
		fmt.Fprintf(p.out, "%d of %d cases\n", p.done, p.total)
	}
}

// conformCases lists the cases.
func conformCases() *cobra.Command {
	var asJSON bool
	var of string
	cmd := &cobra.Command{
		Use: "cases", Short: "List the cases", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := caseRows(of)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			for _, r := range rows {
				fmt.Fprintf(cmd.OutOrStdout(), "%-8s %-6s %s (%s)\n", r.ID, r.Testee, r.Title, r.RFC)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&of, "of", "websocket", "websocket, sse-server or sse-client")
	return cmd
}

// caseRow is a case as it is listed.
type caseRow struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	RFC    string `json:"rfc"`
	Testee string `json:"testee"`
	Quick  bool   `json:"quick"`
}

func caseRows(of string) (rows []caseRow, err error) {
	var listed []sse.Listed
	testee := strings.TrimPrefix(of, "sse-")
	switch of {
	case "websocket":
		for _, c := range conform.Cases() {
			rows = append(rows, caseRow{c.ID, c.Title, c.RFC, c.Testee.String(), c.Quick()})
		}
	case "sse-server":
		listed = sse.ServerCases()
	case "sse-client":
		listed = sse.ClientCases()
	default:
		return nil, fmt.Errorf("--of: expected websocket, sse-server or sse-client, got %q", of)
	}
	for _, c := range listed {
		rows = append(rows, caseRow{c.ID, c.Title, c.Spec, testee, true})
	}
	return rows, nil
}

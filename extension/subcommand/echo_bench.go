package subcommand

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext/exitcodes"

	"xk6-realtime/echobench"
)

// EchoBench is the name of the command that measures how fast servers echo.
const EchoBench = "echo-bench"

// defaultSpec is the spec file where none is given: it is written if it is not
// there.
const defaultSpec = "echo-bench.json"

// benchFlags are those of `k6 x echo-bench`.
type benchFlags struct {
	targetFlags
	teamFlags
	format    string
	rounds    int
	yardstick bool
	options   echobench.Options
}

// incomplete is the exit code where instances were lost.
const incomplete exitcodes.ExitCode = 3

// mostRounds is how often a case is measured of each server at most.
const mostRounds = 1_000

// NewEchoBench makes the command that measures how fast servers echo.
func NewEchoBench(*state.GlobalState) *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use: EchoBench + " [SPEC]", Short: "Measure how fast WebSocket servers echo",
		Long: "Measure how fast WebSocket servers echo.\n\n" +
			"SPEC is a spec file. Without it, " + defaultSpec + " is used, or written as a template where it is not there.",
		Args: cobra.MaximumNArgs(1), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.targetFlags.register(cmd)
	f.teamFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "text", "of the table that is printed: text, markdown or json")
	flags.IntVar(&f.rounds, "rounds", 1, "measures each case so often of each server, the servers in turn")
	flags.BoolVar(&f.yardstick, "yardstick", false, "measures a bare loop before each round, for --format json")
	flags.DurationVar(&f.options.Silence, "silence", echobench.DefaultSilence, "ends a case in which no echo comes for so long")
	return cmd
}

func (f *benchFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	var err error
	if f.options.Header, err = f.fields(); err != nil {
		return err
	}
	if f.join != "" {
		return f.joinIn(cmd)
	}
	path := defaultSpec
	if len(args) > 0 {
		path = args[0]
	} else if written, err := writeTemplate(path, echobench.Template()); err != nil || written {
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s: name your servers in it, and run this again\n", path)
		}
		return err
	}
	spec, text, err := echobench.ReadSpec(path, f.instances)
	if err != nil {
		return err
	}
	if err := checkServers(spec); err != nil {
		return err
	}
	if err := checkOutfiles(spec); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	m, stop, err := f.measurer(ctx, cmd, spec, text)
	defer stop()
	if err != nil {
		return orInterrupted(ctx, err)
	}
	return f.measure(ctx, cmd, m, spec)
}

func (f *benchFlags) check(args []string) error {
	if f.format != "text" && f.format != "markdown" && f.format != "json" {
		return fmt.Errorf("--format: expected text, markdown or json, got %q", f.format)
	}
	if f.options.Silence <= 0 {
		return fmt.Errorf("--silence: expected a duration above 0, got %s", f.options.Silence)
	}
	if f.rounds < 1 || f.rounds > mostRounds {
		return fmt.Errorf("--rounds: expected a whole number from 1 to %d, got %d", mostRounds, f.rounds)
	}
	return f.teamFlags.check(args)
}

// measurer measures one row.
type measurer func(server, testset, c int) (*echobench.Row, error)

// measurer is this process, or several. stop ends what it needs.
func (f *benchFlags) measurer(ctx context.Context, cmd *cobra.Command, spec *echobench.Spec, text []byte) (m measurer, stop func(), err error) {
	if f.isTeam() {
		l, stop, err := f.lead(ctx, cmd, spec, text)
		if err != nil {
			return nil, stop, err
		}
		return func(server, testset, c int) (*echobench.Row, error) {
			return l.Measure(ctx, server, testset, c)
		}, func() { l.Close(); stop() }, nil
	}
	e, err := f.engine()
	if err != nil {
		return nil, func() {}, err
	}
	return func(server, testset, c int) (*echobench.Row, error) {
		return echobench.Measure(ctx, e, &spec.Servers[server], spec.Testsets[testset].Cases[c], f.options), nil
	}, e.Close, nil
}

// orInterrupted is an error, or an interruption that it came of.
func orInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return withCode(errors.New("interrupted: not all cases were run"), exitcodes.ExternalAbort)
	}
	return err
}

// writeTemplate writes a file unless it is there.
func writeTemplate(path string, content []byte) (written bool, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = file.Write(content)
	return true, errors.Join(err, file.Close())
}

// checkOutfiles finds out before the first message whether the tables can be
// written.
func checkOutfiles(spec *echobench.Spec) error {
	named := map[string]int{}
	for i, t := range spec.Testsets {
		field := fmt.Sprintf("testsets[%d].options.outfile", i)
		if t.Outfile == "" {
			continue
		}
		path := filepath.Clean(t.Outfile)
		if other, taken := named[path]; taken {
			return fmt.Errorf("%s: expected a file of its own, got the file of testsets[%d], %q", field, other, t.Outfile)
		}
		named[path] = i
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return fmt.Errorf("%s: expected a file that can be written: %w", field, err)
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (f *benchFlags) measure(ctx context.Context, cmd *cobra.Command, m measurer, spec *echobench.Spec) error {
	var tables []*echobench.Table
	var lost error // there can be no further row
	failed := 0
	for i := range spec.Testsets {
		t := &echobench.Table{Testset: &spec.Testsets[i]}
		tables = append(tables, t)
		var n int
		n, lost = f.fill(ctx, cmd, m, spec.Servers, t, i)
		failed += n
		if err := f.show(cmd, t); err != nil {
			return err
		}
		if ctx.Err() != nil || lost != nil {
			break
		}
	}
	if f.format == "json" {
		if err := echobench.WriteJSON(cmd.OutOrStdout(), tables); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil || lost != nil:
		return orInterrupted(ctx, withCode(lost, incomplete))
	case failed > 0:
		return withCode(fmt.Errorf("%d rows did not pass", failed), exitcodes.ThresholdsHaveFailed)
	}
	return nil
}

// fill measures a testset's rows and returns how many did not pass.
func (f *benchFlags) fill(ctx context.Context, cmd *cobra.Command, m measurer, servers []echobench.Server, t *echobench.Table, testset int) (failed int, err error) {
	t.Rounds = f.rounds
	var bare time.Duration
	var last echobench.Turn // for which bare was taken
	for turn := range echobench.Turns(len(servers), len(t.Testset.Cases), f.rounds) {
		if ctx.Err() != nil {
			return failed, nil
		}
		server, c := &servers[turn.Server], t.Testset.Cases[turn.Case]
		round := ""
		if f.rounds > 1 {
			round = fmt.Sprintf(", round %d of %d", turn.Round, f.rounds)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s, %s%s\n", server.Name, c.Volume(), c.Words(), round)
		if f.yardstick && !turn.SameRound(last) {
			if bare, err = echobench.Yardstick(c.Size); err != nil {
				return failed, err
			}
			last = turn
		}
		row, err := m(turn.Server, testset, turn.Case)
		if err != nil {
			return failed, err
		}
		row.Yardstick = bare
		row.Turn = turn
		t.Rows = append(t.Rows, row)
		if row.Outcome != echobench.Passed {
			failed++
		}
	}
	return failed, nil
}

// show prints a table and writes it to its file.
func (f *benchFlags) show(cmd *cobra.Command, t *echobench.Table) error {
	out := cmd.OutOrStdout()
	var err error
	switch f.format {
	case "text":
		err = t.WriteText(out)
	case "markdown":
		err = t.WriteMarkdown(out)
	}
	if err != nil || t.Testset.Outfile == "" {
		return err
	}
	file, err := os.Create(t.Testset.Outfile)
	if err != nil {
		return err
	}
	return errors.Join(t.WriteSeparated(file), file.Close())
}

package subcommand

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext/exitcodes"

	"xk6-realtime/echobench"
	"xk6-realtime/engine"
)

// EchoBench is the name of the command that measures how fast servers echo.
const EchoBench = "echo-bench"

// defaultSpec is the spec file where none is given: it is written if it is not
// there.
const defaultSpec = "echo-bench.json"

// benchFlags are those of `k6 x echo-bench`.
type benchFlags struct {
	targetFlags
	format  string
	rounds  int
	options echobench.Options
}

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
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "text", "of the table that is printed: text, markdown or json")
	flags.IntVar(&f.rounds, "rounds", 1, "measures each case so often of each server, the servers in turn")
	flags.DurationVar(&f.options.Silence, "silence", echobench.DefaultSilence, "ends a case in which no echo comes for so long")
	return cmd
}

func (f *benchFlags) run(cmd *cobra.Command, args []string) error {
	if f.format != "text" && f.format != "markdown" && f.format != "json" {
		return fmt.Errorf("--format: expected text, markdown or json, got %q", f.format)
	}
	if f.options.Silence <= 0 {
		return fmt.Errorf("--silence: expected a duration above 0, got %s", f.options.Silence)
	}
	if f.rounds < 1 || f.rounds > mostRounds {
		return fmt.Errorf("--rounds: expected a whole number from 1 to %d, got %d", mostRounds, f.rounds)
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
	spec, err := echobench.ReadSpec(path)
	if err != nil {
		return err
	}
	for _, server := range spec.Servers {
		if err := requireStraight(server.URI); err != nil {
			return err
		}
	}
	if err := checkOutfiles(spec); err != nil {
		return err
	}
	if f.options.Header, err = f.fields(); err != nil {
		return err
	}
	config, err := f.tls()
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Options{TLS: config})
	if err != nil {
		return err
	}
	defer e.Close()
	return f.measure(cmd, e, spec)
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
			return fmt.Errorf("%s: expected a file of its own, got that of testsets[%d], %q", field, other, t.Outfile)
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

func (f *benchFlags) measure(cmd *cobra.Command, e *engine.Engine, spec *echobench.Spec) error {
	ctx, stop := interruptible()
	defer stop()
	var tables []*echobench.Table
	failed := 0
	for i := range spec.Testsets {
		t := &echobench.Table{Testset: &spec.Testsets[i]}
		tables = append(tables, t)
		failed += f.fill(ctx, cmd, e, spec.Servers, t)
		if err := f.show(cmd, t); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if f.format == "json" {
		if err := echobench.WriteJSON(cmd.OutOrStdout(), tables); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return withCode(errors.New("interrupted: not all cases were run"), exitcodes.ExternalAbort)
	case failed > 0:
		return withCode(fmt.Errorf("%d rows did not pass", failed), exitcodes.ThresholdsHaveFailed)
	}
	return nil
}

// fill measures a testset's rows and returns how many did not pass.
func (f *benchFlags) fill(ctx context.Context, cmd *cobra.Command, e *engine.Engine, servers []echobench.Server, t *echobench.Table) (failed int) {
	t.Rounds = f.rounds
	for turn := range echobench.Turns(len(servers), len(t.Testset.Cases), f.rounds) {
		if ctx.Err() != nil {
			return failed
		}
		server, c := &servers[turn.Server], t.Testset.Cases[turn.Case]
		round := ""
		if f.rounds > 1 {
			round = fmt.Sprintf(", round %d of %d", turn.Round, f.rounds)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s, %s%s\n", server.Name, c.Volume(), c.Words(), round)
		row := echobench.Measure(ctx, e, server, c, f.options)
		row.Turn = turn
		t.Rows = append(t.Rows, row)
		if row.Outcome != echobench.Passed {
			failed++
		}
	}
	return failed
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

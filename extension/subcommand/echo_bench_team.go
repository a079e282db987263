package subcommand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/errext/exitcodes"

	"xk6-realtime/echobench"
	"xk6-realtime/engine"
)

// mostInstances is how many processes measure together at most.
const mostInstances = 1_000

// endsWithin is how long an instance that is told to end may take.
const endsWithin = 5 * time.Second

// teamFlags are those of a benchmark that several processes run together.
type teamFlags struct {
	instances int
	listen    string
	join      string
}

func (f *teamFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.instances, "instances", 1, "so many processes measure each case together")
	flags.StringVar(&f.listen, "listen", "", "address on which to wait for the instances, such as 0.0.0.0:9900, in place of starting them here")
	flags.StringVar(&f.join, "join", "", "address of such a benchmark, to be one of its instances")
}

func (f *teamFlags) check(args []string) error {
	switch {
	case f.instances < 1 || f.instances > mostInstances:
		return fmt.Errorf("--instances: expected a whole number from 1 to %d, got %d", mostInstances, f.instances)
	case f.join != "" && (len(args) > 0 || f.listen != "" || f.instances > 1):
		return errors.New("--join: expected no spec, --instances or --listen beside it: the benchmark that is joined has them")
	}
	return nil
}

// isTeam tells whether instances measure in place of this process.
func (f *teamFlags) isTeam() bool { return f.instances > 1 || f.listen != "" }

// joinIn is one instance of a benchmark.
func (f *benchFlags) joinIn(cmd *cobra.Command) error {
	e, err := f.engine()
	if err != nil {
		return err
	}
	defer e.Close()
	ctx, stop := interruptible()
	defer stop()
	fmt.Fprintf(cmd.ErrOrStderr(), "joining %s\n", f.join)
	err = echobench.Join(ctx, f.join, e, f.options, checkServers)
	if ctx.Err() != nil {
		return withCode(errors.New("interrupted"), exitcodes.ExternalAbort)
	}
	return err
}

func (f *benchFlags) engine() (*engine.Engine, error) {
	config, err := f.tls()
	if err != nil {
		return nil, err
	}
	return engine.New(engine.Options{TLS: config})
}

func checkServers(spec *echobench.Spec) error {
	for _, server := range spec.Servers {
		if err := requireNoProxy(server.URI); err != nil {
			return err
		}
	}
	return nil
}

// lead waits for the instances, which it starts unless they come from elsewhere. A call of stop
// ends the ones that it started.
func (f *benchFlags) lead(ctx context.Context, cmd *cobra.Command, spec *echobench.Spec, text []byte) (l *echobench.Leader, stop func(), err error) {
	address := f.listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, func() {}, fmt.Errorf("--listen: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	wait := func() {}
	if f.listen != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "waiting on %s for %d instances: k6 x %s --join HOST:PORT\n", listener.Addr(), f.instances, EchoBench)
	} else {
		wait = f.start(ctx, cancel, cmd, listener.Addr().String())
	}
	l, err = echobench.Lead(ctx, listener, spec, text, f.instances)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // such as an instance that could not be started
	}
	return l, func() { cancel(nil); wait() }, err
}

// start starts the instances as processes of their own. One that ends before its
// time ends the wait for the others, and what it said is shown. The function
// returned waits until all are gone.
func (f *benchFlags) start(ctx context.Context, cancel context.CancelCauseFunc, cmd *cobra.Command, address string) func() {
	args := []string{"x", EchoBench, "--join", address, "--silence", f.options.Silence.String()}
	for _, line := range f.header {
		args = append(args, "--header", line)
	}
	if f.ca != "" {
		args = append(args, "--ca", f.ca)
	}
	if f.insecure {
		args = append(args, "--insecure")
	}
	gone := make(chan struct{}, f.instances)
	for i := range f.instances {
		go func() {
			defer func() { gone <- struct{}{} }()
			said, err := startInstance(ctx, args)
			if err != nil && ctx.Err() == nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "instance %d of %d: %s", i+1, f.instances, said)
				cancel(fmt.Errorf("instance %d of %d ended: %w", i+1, f.instances, err))
			}
		}()
	}
	return func() {
		for range f.instances {
			<-gone
		}
	}
}

// startInstance runs this program with other arguments, and returns what it said.
func startInstance(ctx context.Context, args []string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	c := exec.CommandContext(ctx, self, args...)
	c.Stderr = &said
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = endsWithin
	err = c.Run()
	return said.Bytes(), err
}

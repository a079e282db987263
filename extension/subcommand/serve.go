// Package subcommand is the commands that k6 gets. `k6 x echo-server`, `k6 x
// broadcast-server` and `k6 x room-server` are servers to try a load test
// against, which are not its bottleneck. The other commands are clients to try a
// server with, and tests and measurements of WebSocket implementations.
package subcommand

import (
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"xk6-realtime/engine"
	"xk6-realtime/engine/serve"
)

// The names of the commands.
const (
	Echo      = "echo-server"
	Broadcast = "broadcast-server"
	Room      = "room-server"
)

const (
	defaultListen = "127.0.0.1:9100"
	maxBytes      = 1 << 20
)

// NewEcho makes the command that sends each message back.
func NewEcho(*state.GlobalState) *cobra.Command {
	return command(Echo, "Run a WebSocket server that sends each message back", &serve.Options{})
}

// NewBroadcast makes the command that sends messages to all connections: each
// that it receives, and its own at an interval.
func NewBroadcast(*state.GlobalState) *cobra.Command {
	o := &serve.Options{Broadcast: true}
	cmd := command(Broadcast, "Run a WebSocket server that sends messages to all connections", o)
	cmd.Flags().DurationVar(&o.Interval, "interval", time.Second, "between two messages of its own; 0 for none")
	cmd.Flags().IntVar(&o.Bytes, "size", 64, "bytes of its own messages, as far as their number and time leave room")
	return cmd
}

func command(name, short string, o *serve.Options) *cobra.Command {
	return base(name, short, &o.Engine, func(cmd *cobra.Command, listen netip.AddrPort) error {
		o.Listen = listen
		if err := check(o); err != nil {
			return err
		}
		server, err := serve.Start(*o)
		if err != nil {
			return err
		}
		defer server.Close()
		untilInterrupted(cmd, server.URL())
		return nil
	})
}

// asksNobody is a sentence of each server's help.
const asksNobody = "For trying out: it asks nobody who they are, so it listens on this machine only unless told otherwise."

func wrongListen(listen string) error {
	return fmt.Errorf("--listen: expected an address and port such as %s, got %q", defaultListen, listen)
}

// base is what the commands have in common.
func base(name, short string, engineOptions *engine.Options, run func(cmd *cobra.Command, listen netip.AddrPort) error) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:          name,
		Short:        short,
		Long:         short + ", until interrupted.\n\n" + asksNobody,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr, err := netip.ParseAddrPort(listen)
			if err != nil {
				return wrongListen(listen)
			}
			return run(cmd, addr)
		},
	}
	compression := addCompression(cmd)
	certificate := &certificateFlags{}
	certificate.register(cmd, wssAlone)
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		if engineOptions.Deflate, err = compression(); err != nil {
			return err
		}
		engineOptions.ServerTLS, err = certificate.config()
		return err
	}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "address and port; port 0 for any that is free")
	return cmd
}

func check(o *serve.Options) error {
	if o.Interval < 0 {
		return fmt.Errorf("--interval: expected a duration of at least 0, got %s", o.Interval)
	}
	if o.Bytes < 0 || o.Bytes > maxBytes {
		return fmt.Errorf("--size: expected 0 to %d bytes, got %d", maxBytes, o.Bytes)
	}
	return nil
}

func untilInterrupted(cmd *cobra.Command, url string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	fmt.Fprintf(cmd.OutOrStdout(), "listening on %s\n", url)
	<-stop
}

package subcommand

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"xk6-realtime/engine"
	"xk6-realtime/wamp"
)

// The names of the commands for WAMP.
const (
	WAMPServer = "wamp-server"
	WAMPClient = "wamp-client"
)

// defaultTopic is what wamp-client subscribes to and publishes to.
const defaultTopic = "com.example.topic"

// NewWAMPServer makes the command that is a WAMP router. At the end it prints,
// as one line of JSON, what it did.
func NewWAMPServer(*state.GlobalState) *cobra.Command {
	var listen, realm string
	certificate := &certificateFlags{}
	const short = "Run a WAMP router"
	cmd := &cobra.Command{
		Use: WAMPServer, Short: short,
		Long: short + ": publish and subscribe, and calls, in JSON, MessagePack or CBOR, until interrupted.\n\n" + asksNobody,
		Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := netip.ParseAddrPort(listen); err != nil {
				return wrongListen(listen)
			}
			config, err := certificate.config()
			if err != nil {
				return err
			}
			engine.ReserveDescriptors(1 << 16)
			server, err := wamp.Start(wamp.ServerOptions{
				Listen: listen, Realm: realm, TLS: config,
				Warn: func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) },
			})
			if err != nil {
				return err
			}
			defer server.Close()
			untilInterrupted(cmd, server.URL())
			return json.NewEncoder(cmd.OutOrStdout()).Encode(server.Report())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "address and port; port 0 for any that is free")
	cmd.Flags().StringVar(&realm, "realm", wamp.DefaultRealm, "the realm that sessions may join")
	certificate.register(cmd, wssAlone)
	return cmd
}

// NewWAMPClient makes the command that joins a realm, prints what comes, and
// publishes at an interval.
func NewWAMPClient(*state.GlobalState) *cobra.Command {
	o := wamp.ClientOptions{}
	var serialization string
	target := &targetFlags{}
	const short = "Join a WAMP router's realm, print events, and publish at an interval"
	cmd := &cobra.Command{
		Use: WAMPClient, Short: short, Long: short + ", until the router ends the session or it is interrupted.",
		Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if _, _, err := engine.ParseURL(o.URL); err != nil {
				return fmt.Errorf("--url: %w", err)
			}
			if err := requireNoProxy(o.URL); err != nil {
				return err
			}
			if o.Interval < 0 {
				return fmt.Errorf("--interval: expected a duration of at least 0, got %s", o.Interval)
			}
			known := false
			if o.Serialization, known = wamp.Serializations[serialization]; !known {
				return fmt.Errorf("--serialization: expected json, msgpack or cbor, got %q", serialization)
			}
			if o.TLS, err = target.tls(); err != nil {
				return err
			}
			o.Out = cmd.OutOrStdout()
			ctx, stop := interruptible()
			defer stop()
			report, err := wamp.Visit(ctx, o, func() { fmt.Fprintf(cmd.ErrOrStderr(), "joined %s\n", o.Realm) })
			fmt.Fprintf(cmd.ErrOrStderr(), "published %d, events %d, called %d, results %d, invoked %d\n",
				report.Published, report.Events, report.Called, report.Results, report.Invoked)
			if err != nil {
				return withCode(err, exitError)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.URL, "url", "ws://"+defaultListen, "the router")
	flags.StringVar(&o.Realm, "realm", wamp.DefaultRealm, "the realm to join")
	flags.StringVar(&serialization, "serialization", "json", "of messages: json, msgpack or cbor")
	flags.StringVar(&o.Topic, "topic", defaultTopic, "to subscribe and publish to; '' for none")
	flags.StringVar(&o.Register, "register", "", "procedure to serve: it returns its arguments")
	flags.StringVar(&o.Call, "call", "", "procedure to call")
	flags.DurationVar(&o.Interval, "interval", 2*time.Second, "between two publications, and two calls; 0 for none")
	target.registerTLS(cmd)
	return cmd
}

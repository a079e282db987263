package subcommand

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"xk6-realtime/conform/faulty"
	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/deflate"
	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/serve"
)

// testeeFlags are those of `k6 x conform testee`.
type testeeFlags struct {
	targetFlags
	certificateFlags
	listen, url, agent, fault string
	faults, http2             bool
}

func conformTestee() *cobra.Command {
	f := &testeeFlags{}
	cmd := &cobra.Command{
		Use: "testee", Short: "Be tested: our own server, our own client, or a server with a fault", Args: cobra.NoArgs, SilenceUsage: true,
		Long: "Be tested: our own server (--listen), our own client (--url), or a server with a planted fault (--listen and --fault).",
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.targetFlags.register(cmd)
	f.certificateFlags.register(cmd, wssAlone)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "address and port of our server")
	flags.StringVar(&f.url, "url", "", "the fuzzing server that our client is to ask for cases, such as ws://127.0.0.1:9001")
	flags.StringVar(&f.agent, "agent", "k6-realtime", "our client's name in the results")
	registerHTTPVersion(cmd, &f.http2, "has our client connect over HTTP/2 (RFC 8441); our server takes both")
	flags.StringVar(&f.fault, "fault", "", "a server with this fault, in place of our own")
	flags.BoolVar(&f.faults, "faults", false, "list the faults")
	return cmd
}

func (f *testeeFlags) run(cmd *cobra.Command) error {
	switch {
	case f.faults:
		for _, fault := range faulty.Faults {
			fmt.Fprintf(cmd.OutOrStdout(), "%-26s %s (found by %s)\n", fault.Name, fault.What, fault.FoundBy)
		}
		return nil
	case f.fault != "" && faulty.Find(f.fault) == nil:
		return fmt.Errorf("--fault: expected a fault that --faults lists, got %q", f.fault)
	case f.listen != "" && f.url == "":
		return f.serve(cmd)
	case f.url != "" && f.listen == "" && f.fault == "":
		ctx, stop := interruptible()
		defer stop()
		return f.connect(ctx, cmd)
	}
	return errors.New("expected --listen, alone or with --fault, or --url")
}

func (f *testeeFlags) serve(cmd *cobra.Command) error {
	secured, err := f.certificateFlags.http1()
	if err != nil {
		return err
	}
	if f.fault != "" {
		return f.serveFault(cmd, secured)
	}
	addr, err := netip.ParseAddrPort(f.listen)
	if err != nil {
		return fmt.Errorf("--listen: expected an address and port such as %s, got %q", defaultListen, f.listen)
	}
	server, err := serve.Start(serve.Options{Listen: addr, Engine: engine.Options{Deflate: contexts(), ServerTLS: secured}})
	if err != nil {
		return err
	}
	defer server.Close()
	untilInterrupted(cmd, server.URL())
	return nil
}

func (f *testeeFlags) serveFault(cmd *cobra.Command, secured *tls.Config) error {
	l, err := listenAt("--listen", f.listen)
	if err != nil {
		return err
	}
	defer l.Close()
	url := "ws://" + l.Addr().String()
	if secured != nil {
		l, url = tls.NewListener(l, secured), "wss://"+l.Addr().String()
	}
	go faulty.Serve(l, f.fault)
	untilInterrupted(cmd, url)
	return nil
}

// contexts agrees to compression with the context of earlier messages, in both
// directions: that is where most can go wrong.
func contexts() *deflate.Options {
	return &deflate.Options{ServerTakeover: true, ClientTakeover: true}
}

// testeeUnsent lets the largest messages of the cases go back.
const testeeUnsent = 64 << 20

// connect runs all cases of a fuzzing server with the engine as the client.
func (f *testeeFlags) connect(ctx context.Context, cmd *cobra.Command) error {
	fields, err := f.fields()
	if err != nil {
		return err
	}
	config, err := f.tls()
	if err != nil {
		return err
	}
	if err := requireNoProxy(f.url); err != nil {
		return err
	}
	e, err := engine.New(engine.Options{Loops: 1, UnsentBytes: testeeUnsent, TLS: config})
	if err != nil {
		return err
	}
	defer e.Close()
	t := &engineTestee{ctx: ctx, http2: f.http2, loop: e.Loops()[0], base: strings.TrimSuffix(f.url, "/"), fields: fields}
	count, err := t.ask("/getCaseCount")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("%s/getCaseCount: expected a number, got %q", t.base, count)
	}
	agent := url.QueryEscape(f.agent)
	for i := 1; i <= n && ctx.Err() == nil; i++ {
		if err := t.visit(fmt.Sprintf("/runCase?case=%d&agent=%s", i, agent), &visit{echo: true}); err != nil {
			return err
		}
	}
	_, err = t.ask("/updateReports?agent=" + agent)
	fmt.Fprintf(cmd.OutOrStdout(), "%s: %d cases\n", f.agent, n)
	return err
}

// engineTestee makes one connection after the other.
type engineTestee struct {
	ctx  context.Context
	loop *engine.Loop
	base string
	// fields are further header fields of each handshake.
	fields []handshake.Field
	http2  bool
}

// ask is the message that a connection to path gets.
func (t *engineTestee) ask(path string) (string, error) {
	v := &visit{}
	if err := t.visit(path, v); err != nil {
		return "", err
	}
	if v.failed != nil {
		return "", fmt.Errorf("%s%s: %w", t.base, path, v.failed)
	}
	return string(v.first), nil
}

// visit makes a connection and waits for its end.
func (t *engineTestee) visit(path string, v *visit) error {
	endpoint, path, err := engine.ParseURL(t.base + path)
	if err != nil {
		return err
	}
	v.over = make(chan struct{})
	streams := 0
	if t.http2 {
		streams = 1
	}
	var c *engine.Conn
	t.loop.Await(func() {
		c = t.loop.Dial(&engine.Dial{
			Endpoint:             endpoint,
			Deflate:              contexts(),
			StreamsPerConnection: streams,
			Request:              func(_ *engine.Conn, r *handshake.Request) { r.Path, r.Fields = path, t.fields },
		}, v)
	})
	select {
	case <-v.over:
		return nil
	case <-t.ctx.Done():
		t.loop.Await(func() { c.Reset() })
		return t.ctx.Err()
	}
}

// visit is one connection: it keeps the first message, or echoes all.
type visit struct {
	echo   bool
	first  []byte
	failed error
	over   chan struct{}
}

func (v *visit) Opened(*engine.Conn, *engine.Opening) {}

func (v *visit) Failed(_ *engine.Conn, _ *engine.Opening, f engine.Failure) {
	v.failed = f
	close(v.over)
}

func (v *visit) Message(c *engine.Conn, m engine.Message) {
	switch {
	case !m.Kind.IsData():
	case v.echo:
		if _, err := c.Send(m.Kind, m.Data); err != nil {
			c.Reset()
		}
	default:
		v.first = append([]byte(nil), m.Data...)
	}
}

func (v *visit) Alarm(*engine.Conn, clock.Time) {}

func (v *visit) Closed(*engine.Conn, engine.End) { close(v.over) }

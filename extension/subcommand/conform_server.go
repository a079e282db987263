package subcommand

import (
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"xk6-realtime/conform"
)

// exitError is the exit code of a run that could not judge a server.
const exitError = 1

// serverFlags are those of `k6 x conform server`.
type serverFlags struct {
	conformFlags
	targetFlags
	url   string
	agent string
}

func conformServer() *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use: "server", Short: "Test one or more WebSocket servers that echo messages", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.conformFlags.register(cmd)
	f.targetFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "the server, such as ws://127.0.0.1:9001 or wss://localhost:9002/echo; default the variable WS_URL, where there is no --spec")
	flags.StringVar(&f.agent, "agent", "", "its name in the results; default its host and port")
	registerHTTPVersion(cmd, &f.http2, "has each case on a stream of HTTP/2 (RFC 8441), without the cases about HTTP/1.1's handshake")
	flags.Lookup("header").Usage += "; the variable WS_TOKEN adds a Bearer token, where there is no --spec"
	flags.IntVar(&f.parallel, "parallel", 0, "cases at a time; default 24, or one for each processor if they move megabytes")
	return cmd
}

func (f *serverFlags) run(cmd *cobra.Command) error {
	p, err := f.prepare(conform.Server)
	if err != nil {
		return err
	}
	targets, err := f.targets(p.spec)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	var results []conform.Result
	var unreached []error
	for _, target := range targets {
		if err := target.Reach(ctx, p.options); err != nil {
			unreached = append(unreached, err)
			continue
		}
		cases := make([]*conform.Case, 0, len(p.cases))
		for _, c := range p.cases {
			if !p.selection.Excluded(target.Agent, c.ID) {
				cases = append(cases, c)
			}
		}
		o := p.options
		o.Done = newProgress(cmd.ErrOrStderr(), len(cases)).note
		results = append(results, conform.Run(ctx, target, cases, o)...)
	}
	if len(results) == 0 && len(unreached) > 0 && ctx.Err() == nil {
		return withCode(errors.Join(unreached...), exitError)
	}
	err = f.conclude(cmd.OutOrStdout(), p, conform.Server, results, ctx.Err() != nil)
	if err == nil && len(unreached) > 0 {
		return withCode(errors.Join(unreached...), exitError)
	}
	return errors.Join(err, errors.Join(unreached...))
}

func (f *serverFlags) targets(spec *conform.Spec) ([]*conform.Target, error) {
	config, err := f.tls()
	if err != nil {
		return nil, err
	}
	if _, err := f.fields(); err != nil {
		return nil, err
	}
	header := f.header
	if token := os.Getenv("WS_TOKEN"); token != "" && f.spec == "" {
		header = append(header, "Authorization: Bearer "+token)
	}
	var targets []*conform.Target
	add := func(field, agent, address string) error {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
			return fmt.Errorf("%s: expected a URL such as ws://127.0.0.1:9001, got %q", field, redacted(u, address))
		}
		if err := requireNoProxy(address); err != nil {
			return err
		}
		targets = append(targets, &conform.Target{Agent: firstNonEmpty(agent, u.Host), URL: u, Header: header, TLS: config, HTTP2: f.http2})
		return nil
	}
	if f.url != "" {
		err := add("--url", f.agent, f.url)
		return targets, err
	}
	if address := os.Getenv("WS_URL"); address != "" && f.spec == "" {
		err := add("WS_URL", f.agent, address)
		return targets, err
	}
	for i, s := range spec.Servers {
		if err := add(fmt.Sprintf("servers[%d].url", i), s.Agent, s.URL); err != nil {
			return nil, err
		}
	}
	if len(targets) == 0 {
		return nil, errors.New("no server to test: expected --url, or --spec with servers")
	}
	return targets, nil
}

// redacted is a URL without what may be secret in it.
func redacted(u *url.URL, address string) string {
	if u == nil {
		return "one that cannot be read"
	}
	if u.User != nil || u.RawQuery != "" {
		return u.Scheme + "://" + u.Host
	}
	return address
}

package subcommand

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"xk6-realtime/conform"
	"xk6-realtime/conform/sse"
)

// sseFlags are what testing servers and clients of event streams has in common.
type sseFlags struct {
	conformFlags
	url, agent string
	calm       time.Duration
}

func (f *sseFlags) register(cmd *cobra.Command) {
	f.registerShared(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.agent, "agent", "", "its name in the results; default its host and port, or what it calls itself")
	flags.DurationVar(&f.calm, "calm", 2*time.Second, "how long a testee must do nothing where it must do nothing")
}

// prepareSSE is prepare for these roles. Progress goes to out.
func (f *sseFlags) prepareSSE(listed []sse.Listed, out io.Writer) (*prepared, sse.Options, error) {
	p := &prepared{subject: conform.ServerSentEvents, selection: &conform.Selection{}, results: firstNonEmpty(f.results, "conform-results")}
	if f.timeout <= 0 {
		return nil, sse.Options{}, fmt.Errorf("--timeout: expected a duration above 0, got %s", f.timeout)
	}
	if f.calm <= 0 {
		return nil, sse.Options{}, fmt.Errorf("--calm: expected a duration above 0, got %s", f.calm)
	}
	if err := f.prepareShared(p); err != nil {
		return nil, sse.Options{}, err
	}
	var all []string
	for _, c := range listed {
		all = append(all, c.ID)
	}
	var err error
	if p.ids, err = conform.Choose(all, f.cases, f.exclude); err != nil {
		return nil, sse.Options{}, err
	}
	return p, sse.Options{Parallel: f.parallel, Silence: f.timeout, Calm: f.calm, Done: newProgress(out, len(p.ids)).note}, nil
}

func (p *prepared) chosen(id string) bool { return slices.Contains(p.ids, id) }

// httpURL reads the value of a flag that is the URL of a server.
func httpURL(field, given string) (*url.URL, error) {
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s: expected a URL such as http://127.0.0.1:8080/events, got %q", field, redacted(u, given))
	}
	if u.User != nil {
		return nil, fmt.Errorf("%s: expected no user name in the URL: --header takes an Authorization line", field)
	}
	return u, nil
}

// sseServerFlags are those of `k6 x conform sse-server`.
type sseServerFlags struct {
	sseFlags
	targetFlags
	publish, body, gone string
	keepAlive           time.Duration
}

func conformSSEServer() *cobra.Command {
	f := &sseServerFlags{}
	cmd := &cobra.Command{
		Use: "sse-server", Short: "Test a server of event streams (server-sent events)", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.sseFlags.register(cmd)
	f.targetFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "an event stream, such as http://127.0.0.1:8080/events; default the variable SSE_URL")
	flags.StringVar(&f.publish, "publish", "", "URL to which a POST makes the server write an event; without it, the cases read what comes by itself")
	flags.StringVar(&f.body, "publish-body", `{"text":"${text}"}`, "the posted body: ${text} stands for a text, as in a JSON string")
	flags.StringVar(&f.gone, "gone", "", "URL of a stream that the server has no more, to be answered with 204")
	flags.DurationVar(&f.keepAlive, "keep-alive", 20*time.Second, "within which time a comment or an event must come")
	registerHTTPVersion(cmd, &f.http2, "has each request be a stream of HTTP/2, without the cases about HTTP/1.1")
	flags.Lookup("header").Usage += "; the variable WS_TOKEN adds a Bearer token"
	return cmd
}

func (f *sseServerFlags) run(cmd *cobra.Command) error {
	s, err := f.server()
	if err != nil {
		return err
	}
	p, o, err := f.prepareSSE(s.Cases(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	if err := s.Reach(ctx, o); err != nil {
		return withCode(err, exitError)
	}
	results := s.Run(ctx, p.chosen, o)
	return f.conclude(cmd.OutOrStdout(), p, conform.Server, results, ctx.Err() != nil)
}

func (f *sseServerFlags) server() (*sse.Server, error) {
	field, given := "--url", f.url
	if given == "" {
		field, given = "SSE_URL", os.Getenv("SSE_URL")
	}
	if given == "" {
		return nil, errors.New("no server to test: expected --url")
	}
	s := &sse.Server{Agent: f.agent, Body: f.body, KeepAlive: f.keepAlive, Header: http.Header{}, HTTP2: f.http2}
	var err error
	if s.URL, err = httpURL(field, given); err != nil {
		return nil, err
	}
	s.Agent = firstNonEmpty(s.Agent, s.URL.Host)
	for flag, to := range map[string]struct {
		given string
		url   **url.URL
	}{"--publish": {f.publish, &s.Publish}, "--gone": {f.gone, &s.Gone}} {
		if to.given == "" {
			continue
		}
		if *to.url, err = httpURL(flag, to.given); err != nil {
			return nil, err
		}
	}
	if err := requireNoProxy(given, f.publish, f.gone); err != nil {
		return nil, err
	}
	fields, err := f.fields()
	if err != nil {
		return nil, err
	}
	for _, h := range fields {
		s.Header.Add(strings.TrimSpace(h.Name), h.Value)
	}
	if token := os.Getenv("WS_TOKEN"); token != "" && s.Header.Get("Authorization") == "" {
		s.Header.Set("Authorization", "Bearer "+token)
	}
	s.TLS, err = f.tls()
	return s, err
}

// sseClientFlags are those of `k6 x conform sse-client`.
type sseClientFlags struct {
	sseFlags
	listen string
}

func conformSSEClient() *cobra.Command {
	f := &sseClientFlags{}
	cmd := &cobra.Command{
		Use: "sse-client", Short: "Test a client of event streams, through a service that opens streams when it is told to", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "where the service takes its commands, such as http://127.0.0.1:8000")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "address and port of the streams and callbacks, which the service must reach")
	flags.IntVar(&f.parallel, "parallel", 0, "cases at a time; default 16")
	return cmd
}

func (f *sseClientFlags) run(cmd *cobra.Command) error {
	p, o, err := f.prepareSSE(sse.ClientCases(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if f.url == "" {
		return errors.New("no client to test: expected --url, where a service takes commands")
	}
	service, err := httpURL("--url", f.url)
	if err != nil {
		return err
	}
	if err := requireNoProxy(f.url); err != nil {
		return err
	}
	l, err := listenAt("--listen", f.listen)
	if err != nil {
		return err
	}
	defer l.Close()
	if ip := l.Addr().(*net.TCPAddr).IP; ip.IsUnspecified() {
		return fmt.Errorf("--listen: expected an address that the service can reach, got %s", ip)
	}
	ctx, stop := interruptible()
	defer stop()
	clients := &sse.Clients{Agent: f.agent, Service: service, Listen: l}
	results, err := clients.Run(ctx, p.chosen, o)
	if err != nil {
		return withCode(err, exitError)
	}
	return f.conclude(cmd.OutOrStdout(), p, conform.Client, results, ctx.Err() != nil)
}

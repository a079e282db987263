package subcommand

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync"

	"github.com/spf13/cobra"

	"xk6-realtime/conform"
)

// clientFlags are those of `k6 x conform client`.
type clientFlags struct {
	conformFlags
	certificateFlags
	listen    string
	listenTLS string
	once      bool
}

func conformClient() *cobra.Command {
	f := &clientFlags{}
	cmd := &cobra.Command{
		Use: "client", Short: "Test WebSocket clients: they connect and ask for one case after the other", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.conformFlags.register(cmd)
	f.certificateFlags.register(cmd, "for wss")
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "address and port for ws; default the spec file's url, or 127.0.0.1:9001")
	flags.StringVar(&f.listenTLS, "listen-tls", "", "address and port for wss")
	registerHTTPVersion(cmd, &f.http2, "has each connection be a stream of HTTP/2 (RFC 8441), without the cases about HTTP/1.1's handshake")
	flags.BoolVar(&f.once, "once", false, "end when a client asks /updateReports; default when interrupted")
	return cmd
}

func (f *clientFlags) run(cmd *cobra.Command) error {
	p, err := f.prepare(conform.Client)
	if err != nil {
		return err
	}
	listeners, err := f.listeners(p.spec)
	if err != nil {
		return err
	}
	asked, stop := interruptible()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	finished := make(chan struct{}, 1)
	server := &conform.FuzzingServer{Cases: p.cases, Selection: p.selection, Options: p.options, HTTP2: f.http2}
	server.Options.Done = newProgress(cmd.ErrOrStderr(), len(p.cases)).note
	var writing sync.Mutex
	server.Update = func(agent string, results []conform.Result) {
		writing.Lock()
		defer writing.Unlock()
		if err := conform.Write(p.results, p.subject, conform.Client, server.Results()); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "could not write the results: %v\n", err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s has run %d of %d cases\n", agent, len(results), len(p.cases))
		if f.once {
			select {
			case finished <- struct{}{}:
			default:
			}
		}
	}
	var serving sync.WaitGroup
	for _, l := range listeners {
		scheme := "ws"
		if _, plain := l.(*net.TCPListener); !plain {
			scheme = "wss"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "listening on %s://%s\n", scheme, l.Addr())
		serving.Go(func() {
			if err := server.Serve(ctx, l); err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "%v\n", err)
			}
		})
	}
	select {
	case <-asked.Done():
	case <-finished:
	}
	for _, l := range listeners {
		l.Close()
	}
	cancel()
	serving.Wait()
	return f.conclude(cmd.OutOrStdout(), p, conform.Client, server.Results(), false)
}

func (f *clientFlags) listeners(spec *conform.Spec) ([]net.Listener, error) {
	plain, field := f.listen, "--listen"
	if plain == "" && spec.URL != "" {
		u, err := url.Parse(spec.URL)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("url: expected a URL such as ws://127.0.0.1:9001, got %q", spec.URL)
		}
		plain, field = u.Host, "url"
	}
	if plain == "" && f.listenTLS == "" {
		plain = "127.0.0.1:9001"
	}
	var all []net.Listener
	if plain != "" {
		l, err := listenAt(field, plain)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	if f.listenTLS == "" {
		return all, nil
	}
	if f.cert == "" || f.key == "" {
		return nil, errors.New("--listen-tls: expected --cert and --key beside it")
	}
	secured, err := f.http1()
	if err != nil {
		return nil, err
	}
	if f.http2 {
		secured.NextProtos = []string{"h2"}
	}
	l, err := listenAt("--listen-tls", f.listenTLS)
	if err != nil {
		return nil, err
	}
	return append(all, tls.NewListener(l, secured)), nil
}

func listenAt(field, address string) (net.Listener, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("%s: expected an address and port such as 127.0.0.1:9001, got %q", field, address)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return l, nil
}

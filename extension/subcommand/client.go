package subcommand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"xk6-realtime/engine"
	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/frame"
	"xk6-realtime/engine/handshake"
)

// The names of the commands that connect to a server.
const (
	EchoClient      = "echo-client"
	BroadcastClient = "broadcast-client"
)

// NewEchoClient makes the command that sends back what its server sends.
func NewEchoClient(*state.GlobalState) *cobra.Command {
	return clientCommand(EchoClient, "Connect to a WebSocket server and send each of its messages back",
		func(*cobra.Command) (*client, error) { return &client{echo: true}, nil })
}

// NewBroadcastClient makes the command that prints what comes, and sends a
// message at an interval.
func NewBroadcastClient(*state.GlobalState) *cobra.Command {
	var interval time.Duration
	var message string
	cmd := clientCommand(BroadcastClient, "Connect to a WebSocket server, print its messages, and send one at an interval",
		func(cmd *cobra.Command) (*client, error) {
			if interval < 0 {
				return nil, fmt.Errorf("--interval: expected a duration of at least 0, got %s", interval)
			}
			if !utf8.ValidString(message) {
				return nil, errors.New("--message: expected text in UTF-8")
			}
			return &client{shown: cmd.OutOrStdout(), interval: interval, message: message}, nil
		})
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "between two messages of its own; 0 for none")
	cmd.Flags().StringVar(&message, "message", "", "what it sends; default 'message 1 of k6-realtime' and so on")
	return cmd
}

func clientCommand(name, short string, prepare func(cmd *cobra.Command) (*client, error)) *cobra.Command {
	var url string
	target := &targetFlags{}
	cmd := &cobra.Command{
		Use: name, Short: short, Long: short + ", until that ends the connection or it is interrupted.",
		Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			endpoint, path, err := engine.ParseURL(url)
			if err != nil {
				return fmt.Errorf("--url: %w", err)
			}
			if err := requireNoProxy(url); err != nil {
				return err
			}
			fields, err := target.fields()
			if err != nil {
				return err
			}
			config, err := target.tls()
			if err != nil {
				return err
			}
			c, err := prepare(cmd)
			if err != nil {
				return err
			}
			ctx, stop := interruptible()
			defer stop()
			return c.run(ctx, cmd.ErrOrStderr(), engine.Options{Loops: 1, TLS: config, UnsentBytes: testeeUnsent}, &engine.Dial{
				Endpoint: endpoint,
				Request: func(_ *engine.Conn, r *handshake.Request) {
					r.Path, r.Fields = path, fields
				},
			})
		},
	}
	cmd.Flags().StringVar(&url, "url", "ws://"+defaultListen, "the server")
	target.register(cmd)
	return cmd
}

// client is one connection.
type client struct {
	echo     bool
	shown    io.Writer // gets what comes; nil for nothing
	interval time.Duration
	message  string

	received, sent int
	err            error // why it could not connect, or send
	end            engine.End
	opened, over   chan struct{}
}

// run connects, and waits for the end.
func (c *client) run(ctx context.Context, log io.Writer, o engine.Options, d *engine.Dial) error {
	e, err := engine.New(o)
	if err != nil {
		return err
	}
	defer e.Close()
	c.opened, c.over = make(chan struct{}), make(chan struct{})
	var conn *engine.Conn
	loop := e.Loops()[0]
	loop.Await(func() { conn = loop.Dial(d, c) })
	select {
	case <-c.opened:
		fmt.Fprintf(log, "connected to %s\n", d.Endpoint.String())
	case <-c.over:
	case <-ctx.Done():
	}
	select {
	case <-c.over:
	case <-ctx.Done():
		loop.Await(conn.Close)
		<-c.over
	}
	if c.err == nil && c.end.By == engine.ByServer && c.end.Breach == "" {
		fmt.Fprintf(log, "the server ended the connection: code %d %q\n", c.end.Code, c.end.Text)
	}
	fmt.Fprintf(log, "received %d messages, sent %d\n", c.received, c.sent)
	return c.why(ctx.Err() != nil)
}

// why is the fault of the end, nil for none.
func (c *client) why(interrupted bool) error {
	switch {
	case interrupted:
		return nil
	case c.err != nil:
		return withCode(c.err, exitError)
	case c.end.Breach != "":
		return withCode(fmt.Errorf("the server broke WebSocket: %s", c.end.Breach), exitError)
	case c.end.Code == frame.CodeAbnormal:
		return withCode(fmt.Errorf("the connection ended without a Close frame, by %s", c.end.By), exitError)
	}
	return nil
}

func (c *client) Opened(conn *engine.Conn, _ *engine.Opening) {
	close(c.opened)
	if c.interval > 0 {
		conn.SetAlarm(clock.Now().Add(c.interval))
	}
}

func (c *client) Failed(_ *engine.Conn, _ *engine.Opening, f engine.Failure) {
	c.err = fmt.Errorf("could not connect: %w", f)
	close(c.over)
}

func (c *client) Message(conn *engine.Conn, m engine.Message) {
	if !m.Kind.IsData() {
		return
	}
	c.received++
	if c.shown != nil {
		fmt.Fprintln(c.shown, shown(m.Kind, m.Data))
	}
	if c.echo {
		c.send(conn, m.Kind, m.Data)
	}
}

func (c *client) send(conn *engine.Conn, kind engine.Kind, data []byte) {
	if _, err := conn.Send(kind, data); err != nil {
		if errors.Is(err, engine.ErrUnsent) {
			c.err = err
			conn.Reset()
		}
		return
	}
	c.sent++
}

func (c *client) Alarm(conn *engine.Conn, now clock.Time) {
	message := c.message
	if message == "" {
		message = fmt.Sprintf("message %d of k6-realtime", c.sent+1)
	}
	c.send(conn, engine.Text, []byte(message))
	conn.SetAlarm(now.Add(c.interval))
}

func (c *client) Closed(_ *engine.Conn, e engine.End) {
	c.end = e
	close(c.over)
}

// shownBytes is how much of a message is shown.
const shownBytes = 4 << 10

// shown is a message in one line that does nothing to a terminal.
func shown(kind engine.Kind, data []byte) string {
	head := data[:min(len(data), shownBytes)]
	rest := ""
	if more := len(data) - len(head); more > 0 {
		rest = fmt.Sprintf("… and %d bytes more", more)
	}
	if kind == engine.Binary {
		return fmt.Sprintf("binary %x%s", head, rest)
	}
	for len(rest) > 0 && !frame.ValidText(head) { // a cut amid a character
		head = head[:len(head)-1]
	}
	quoted := strconv.Quote(string(head))
	return "text " + quoted + rest
}

package subcommand

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"xk6-realtime/engine/deflate"
)

// addCompression gives a command the flags of permessage-deflate, and returns
// what reads them: nil for no compression.
func addCompression(cmd *cobra.Command) func() (*deflate.Options, error) {
	var compression, takeover string
	var serverBits, clientBits uint8
	flags := cmd.Flags()
	flags.StringVar(&compression, "compression", "off", "off, or deflate for clients that offer permessage-deflate")
	flags.StringVar(&takeover, "context-takeover", "both", "whose messages may refer to earlier ones where the client permits it: none, client, server or both")
	flags.Uint8Var(&serverBits, "server-window-bits", deflate.MaxBits, "window of what the server sends, 8 to 15")
	flags.Uint8Var(&clientBits, "client-window-bits", deflate.MaxBits, "window of what clients send that let the server bound it, 8 to 15")
	return func() (*deflate.Options, error) {
		if compression != "off" && compression != "deflate" {
			return nil, fmt.Errorf("--compression: expected off or deflate, got %q", compression)
		}
		if !slices.Contains([]string{"none", "client", "server", "both"}, takeover) {
			return nil, fmt.Errorf("--context-takeover: expected none, client, server or both, got %q", takeover)
		}
		for name, bits := range map[string]uint8{"server": serverBits, "client": clientBits} {
			if bits < deflate.MinBits || bits > deflate.MaxBits {
				return nil, fmt.Errorf("--%s-window-bits: expected %d to %d, got %d", name, deflate.MinBits, deflate.MaxBits, bits)
			}
		}
		if compression == "off" {
			return nil, nil
		}
		return &deflate.Options{
			ServerTakeover: takeover == "server" || takeover == "both",
			ClientTakeover: takeover == "client" || takeover == "both",
			ServerBits:     serverBits,
			ClientBits:     clientBits,
		}, nil
	}
}

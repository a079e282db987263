package subcommand

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"xk6-realtime/engine/serve"
)

const maxLoops = 64

// NewRoom makes the command that serves rooms: a publication to one goes to all its subscribers.
// At the end it prints its counts as one line of JSON.
func NewRoom(*state.GlobalState) *cobra.Command {
	o := serve.RoomOptions{}
	var faults string
	cmd := base(Room, "Run a WebSocket server with rooms to subscribe and publish to", &o.Engine,
		func(cmd *cobra.Command, listen netip.AddrPort) error {
			o.Listen = listen
			if o.Engine.Loops < 1 || o.Engine.Loops > maxLoops {
				return fmt.Errorf("--loops: expected 1 to %d, got %d", maxLoops, o.Engine.Loops)
			}
			decoder := json.NewDecoder(strings.NewReader(faults))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&o.Faults); err != nil {
				return fmt.Errorf(`--faults: expected JSON such as {"loseDeliveries":{"every":1000,"count":10}}: %w`, err)
			}
			server, err := serve.StartRooms(o)
			if err != nil {
				return err
			}
			defer server.Close()
			untilInterrupted(cmd, server.URL())
			return json.NewEncoder(cmd.OutOrStdout()).Encode(server.Report())
		})
	cmd.Flags().IntVar(&o.Engine.Loops, "loops", 1, "loops that share the connections")
	cmd.Flags().StringVar(&faults, "faults", "{}", "loseDeliveries, repeatDeliveries and reorderDeliveries, each with every and count; fromConnection and toConnection, numbered from 0, bound whom they hit")
	return cmd
}

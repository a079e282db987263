// Package realtime is the k6 extension of k6-realtime. Importing it registers the JavaScript
// module k6/x/realtime, the outputs and the commands of `k6 x`. The commands are k6 x
// echo-server, broadcast-server, room-server, echo-client, broadcast-client, wamp-server,
// wamp-client, conform and echo-bench.
package realtime

import (
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/output"
	k6subcommand "go.k6.io/k6/v2/subcommand"

	"xk6-realtime/binding"
	"xk6-realtime/influxdb"
	"xk6-realtime/recording"
	"xk6-realtime/subcommand"
)

func init() {
	modules.Register("k6/x/realtime", binding.New())
	output.RegisterExtension("realtime", recording.New)
	output.RegisterExtension("realtime-influxdb", influxdb.New)
	k6subcommand.RegisterExtension(subcommand.Echo, subcommand.NewEcho)
	k6subcommand.RegisterExtension(subcommand.Broadcast, subcommand.NewBroadcast)
	k6subcommand.RegisterExtension(subcommand.EchoClient, subcommand.NewEchoClient)
	k6subcommand.RegisterExtension(subcommand.BroadcastClient, subcommand.NewBroadcastClient)
	k6subcommand.RegisterExtension(subcommand.Room, subcommand.NewRoom)
	k6subcommand.RegisterExtension(subcommand.WAMPServer, subcommand.NewWAMPServer)
	k6subcommand.RegisterExtension(subcommand.WAMPClient, subcommand.NewWAMPClient)
	k6subcommand.RegisterExtension(subcommand.Conform, subcommand.NewConform)
	k6subcommand.RegisterExtension(subcommand.EchoBench, subcommand.NewEchoBench)
}

package binding

import (
	"xk6-realtime/engine/deflate"
)

// readCompression reads compression and its parameters: nil for none.
func readCompression(r *reader) *deflate.Options {
	const off, on = "off", "deflate"
	compressed := r.choice("compression", off, on) == on
	takeover := r.choice("contextTakeover", "none", "client", "server", "both")
	o := &deflate.Options{
		ServerTakeover: takeover == "server" || takeover == "both",
		ClientTakeover: takeover == "client" || takeover == "both",
		ServerBits:     uint8(r.whole("serverWindowBits", deflate.MaxBits, deflate.MinBits, deflate.MaxBits)),
		ClientBits:     uint8(r.whole("clientWindowBits", deflate.MaxBits, deflate.MinBits, deflate.MaxBits)),
	}
	if !compressed {
		return nil
	}
	return o
}

// The tag of ws_message_bytes and ws_wire_bytes.
const (
	byDirection = "direction"
	sent        = "sent"
	received    = "received"
)

// Package faulty is an echo server that is right, and that can be told to have
// one fault of a table. It shows what the cases of package conform find.
package faulty

// Fault is something that the server does wrong.
type Fault struct {
	Name string
	// What it does, as a clause.
	What string
	// FoundBy is a case that finds it.
	FoundBy string
}

// Faults are all faults, by subject: the opening handshake, frames that should
// fail the connection, echoes, pings, closing, compression, time.
var Faults = []Fault{
	{"accept-of-key-alone", "computes Sec-WebSocket-Accept without the GUID", "1.1.1"},
	{"status-200", "answers with status 200", "1.1.1"},
	{"no-upgrade-header", "leaves Upgrade out of the response", "1.1.1"},
	{"any-method", "accepts methods other than GET", "20.1.1"},
	{"any-http-version", "accepts HTTP/1.0", "20.1.3"},
	{"no-host-needed", "accepts a request without Host", "20.1.4"},
	{"no-upgrade-needed", "accepts a request without Upgrade: websocket", "20.1.6"},
	{"no-connection-needed", "accepts a request without Connection: Upgrade", "20.1.9"},
	{"any-key", "accepts any Sec-WebSocket-Key, or none", "20.1.12"},
	{"any-version", "accepts any Sec-WebSocket-Version", "20.1.19"},
	{"upgrade-by-case", "wants Upgrade in lower case", "20.2.1"},
	{"connection-alone", "wants Connection to be Upgrade alone", "20.2.2"},
	{"names-by-case", "wants header names as they are usually written", "20.2.5"},
	{"head-in-one-read", "wants the request in one piece", "20.2.12"},
	{"chooses-other-subprotocol", "chooses a subprotocol that was not offered", "24.1.1"},
	{"agrees-to-all-extensions", "repeats the offered extensions in its response", "23.1.19"},

	{"takes-rsv1", "ignores RSV1 without an extension", "3.4"},
	{"takes-rsv23", "ignores RSV2 and RSV3", "3.2"},
	{"takes-data-opcodes", "ignores frames with opcodes 3 to 7", "4.1.1"},
	{"takes-control-opcodes", "ignores frames with opcodes 11 to 15", "4.2.1"},
	{"takes-unmasked", "takes frames without a mask", "26.1.1"},
	{"takes-unmasked-control", "takes control frames without a mask", "26.1.4"},
	{"takes-fragmented-ping", "answers a ping that is not final", "5.1"},
	{"takes-long-ping", "answers a ping of more than 125 bytes", "2.5"},
	{"takes-stray-continuation", "takes a continuation as a message", "5.9"},
	{"takes-message-in-message", "takes a new message inside a fragmented one", "5.18"},
	{"takes-high-length-bit", "ignores the highest bit of a length", "26.2.7"},
	{"no-utf8", "does not check UTF-8", "6.3.1"},
	{"utf8-by-fragment", "checks the UTF-8 of each fragment alone", "6.2.3"},
	{"utf8-surrogates", "takes surrogates for UTF-8", "6.20.1"},
	{"utf8-overlong", "takes overlong forms for UTF-8", "6.17.1"},
	{"utf8-binary", "wants UTF-8 in binary messages", "26.4.5"},
	{"no-utf8-in-reason", "does not check the UTF-8 of a close reason", "7.5.1"},
	{"any-close-code", "takes any close code", "7.9.1"},
	{"takes-close-of-one-byte", "answers a Close frame with a body of one byte by code 1000", "7.3.2"},

	{"text-as-binary", "echoes text as binary", "1.1.2"},
	{"no-empty-echo", "does not echo empty messages", "1.1.1"},
	{"cuts-at-64k", "cuts a message at 65535 bytes", "1.1.7"},
	{"loses-last-fragment", "echoes a fragmented message without its last frame", "5.3"},
	{"ping-ends-message", "forgets a fragmented message when a ping comes", "5.6"},
	{"swaps-echoes", "sends every second echo before the one ahead of it", "25.2.1"},
	{"masks", "masks its frames", "1.1.2"},
	{"long-length-form", "writes lengths in more bytes than they need", "1.1.2"},
	{"sends-rsv1", "sets RSV1 on uncompressed messages", "1.1.2"},
	{"never-ends-message", "sends an echo as a frame that is not final", "1.1.2"},
	{"echo-as-continuation", "sends an echo as a continuation", "1.1.2"},

	{"no-pong", "does not answer pings", "2.1"},
	{"empty-pong", "answers pings without their payload", "2.2"},
	{"short-pong", "cuts a pong at 100 bytes", "2.4"},
	{"answers-pong", "answers pongs", "2.7"},
	{"late-pong", "answers a ping inside a message when that has ended", "25.2.4"},

	{"no-close-answer", "drops TCP in place of a Close frame", "7.1.1"},
	{"keeps-tcp", "does not close TCP after the Close frames", "22.1.1"},
	{"answers-close-1001", "answers each Close frame with code 1001", "7.1.1"},
	{"answers-close-1005", "answers an empty Close frame with code 1005", "7.3.1"},
	{"echoes-after-close", "echoes what comes after the Close frame before it answers that", "7.1.4"},
	{"fails-with-1008", "fails connections with code 1008", "3.1"},
	{"hangs-on-breach", "stops reading when a rule is broken, and sends nothing", "3.1"},
	{"ignores-end", "does not end a connection whose TCP the peer has ended", "22.1.9"},

	{"keeps-context", "agrees to server_no_context_takeover and keeps the context", "23.4.5"},
	{"ignores-window", "agrees to server_max_window_bits and compresses with 15 bits", "13.3.3"},
	{"agrees-to-window-7", "agrees to invalid parameters", "23.1.2"},
	{"client-bits-not-offered", "answers client_max_window_bits that was not offered", "23.1.17"},
	{"rsv1-on-continuation", "takes RSV1 on a continuation", "23.3.1"},
	{"rsv1-on-control", "takes RSV1 on a control frame", "23.3.3"},
	{"no-utf8-after-inflation", "does not check the UTF-8 of compressed texts", "23.3.14"},
	{"empty-on-bad-deflate", "echoes what it could inflate of broken data", "23.3.9"},
	{"first-block-alone", "inflates the first block of a message alone", "23.2.10"},
	{"inflates-by-frame", "inflates each frame alone", "23.2.11"},
	{"inflates-plain", "inflates messages without RSV1 too", "23.2.1"},
	{"forgets-context", "forgets the context between messages that the peer keeps", "23.2.7"},

	{"idle-200-ms", "drops a connection that pauses for 200 ms", "25.1.6"},
	{"needs-whole-head", "wants a frame's first two bytes in one piece", "25.1.9"},
	{"limit-64k", "refuses messages of more than 64 KiB with code 1009", "9.1.2"},
}

// Find is the fault of a name; nil for none.
func Find(name string) *Fault {
	for i := range Faults {
		if Faults[i].Name == name {
			return &Faults[i]
		}
	}
	return nil
}

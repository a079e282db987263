package binding

import "xk6-realtime/engine"

// readHTTPVersion reads httpVersion and how many streams are to share a TCP
// connection: 0 for HTTP/1.1.
func readHTTPVersion(r *reader) (streamsPerConnection int) {
	const one, two = "1.1", "2"
	const streams, mostStreams = 100, 10_000
	isTwo := r.choice("httpVersion", one, two) == two
	most := r.whole("streamsPerConnection", streams, 1, mostStreams)
	if !isTwo {
		return 0
	}
	return most
}

// connected counts the TCP connection that was made for a socket, if one was. The setup does not
// count: the check before a load does not belong to its connections.
func (r *socketRecorder) connected(o *engine.Opening) {
	if o.OpenedTCP() && r.until == nil {
		r.tcpConnections++
	}
}

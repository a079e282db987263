// Package conform tests WebSocket implementations, servers and clients,
// against RFC 6455 and RFC 7692.
//
// A [Case] is a row of a table: an opening handshake, a script of bytes to
// send, and the outcomes that pass. The package plays it against the
// implementation under test, the testee, records what moves on the wire and
// judges the record ([Judge]). It writes raw bytes and reads with a strict
// reader of its own, so it shares no code with the engine.
//
// Verdicts depend on the order of events. A timeout only ends a case in which the testee does
// nothing.
package conform

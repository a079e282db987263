// Package contract tells whether messages keep to a contract: which kind each is, and whether it
// follows the JSON Schema of its kind.
//
// A kept validator decides what breaks a schema. Before that, an acceptor compiled from the same
// schemas reads the message once, in place. A message that it accepts is valid, and costs no
// allocation. The validator judges all messages that the acceptor rejects or does not understand.
package contract

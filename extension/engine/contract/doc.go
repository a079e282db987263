// Package contract tells whether messages are what was agreed on: which kind
// each is, and whether it follows the JSON Schema of its kind.
//
// A kept validator decides what breaks a schema. Before it is asked, a message
// is read once, where it lies, by an acceptor that was compiled from the same
// schemas: what that accepts is valid, and costs no allocation. Whatever it does
// not accept, or does not understand, the validator judges.
package contract

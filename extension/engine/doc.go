// Package engine opens, holds and reads tens of thousands of connections in one
// process, and reads the clock where the bytes move.
//
// The engine moves bytes. A wire, such as package websocket, turns them into messages: it gets
// the bytes and their arrival time, and stands on a [wire.Link]. Each Conn holds its wire by
// value, so that a message costs no call through an interface on its way to the [Receiver].
//
// An [Engine] runs a few loops. A [Conn] belongs to one [Loop] for life. Its [Handler] is called
// on that loop's goroutine only, so neither needs a lock. Call methods of Loop and Conn there
// too, that is from a Handler or through [Loop.Do]. The comments of the others state that they
// may be called from anywhere.
//
// On Linux a loop is one epoll instance with one read buffer, and a connection at rest is a file
// descriptor and a few hundred bytes. Elsewhere a connection is a goroutine that reads, and the
// loop handles the bytes.
package engine

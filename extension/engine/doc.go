// Package engine opens, holds and reads tens of thousands of WebSocket
// connections in one process, and reads the clock where the bytes move.
//
// An [Engine] runs a few loops. A [Conn] belongs to one [Loop] for life, and
// its [Handler] is called on that loop's goroutine only, so neither needs a
// lock. Methods of Loop and Conn are to be called there too, that is from a
// Handler or through [Loop.Do]; what may be called from anywhere says so.
//
// On Linux a loop is one epoll instance with one read buffer, and a connection
// at rest is a file descriptor and a few hundred bytes. Elsewhere a connection
// is a goroutine that reads, and the loop handles what it read.
package engine

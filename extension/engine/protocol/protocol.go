package protocol

import (
	"slices"
	"time"
)

// ConnectionVariables are the variables that a connection has from the start; the code that opens
// it gives the ones that the descriptor uses.
var ConnectionVariables = []string{"room", "user", "token", "vu", "connection"}

// numeric are the variables that are written in JSON as numbers.
var numeric = []string{"seq", "nowMs", "lastSeq", "vu", "connection"}

// Protocol is a descriptor, compiled once for all connections of a process.
type Protocol struct {
	Name         string
	Subprotocols []string
	// Replies are the names of the replies that each probe expects.
	Replies []string
	// Variables are the connection variables that it uses.
	Variables []string
	// PublishHTTP is how a publication goes beside the connection, nil where it
	// goes on it.
	PublishHTTP *HTTPSpec
	// ProbeHTTP is the same of a probe.
	ProbeHTTP *HTTPSpec

	sends string // the first field that sends on the connection

	path            *template
	wire            *wire
	hasWires        bool // other than text, delimited or not, in any step
	probe           *template
	numericID       bool
	idsInTwoBytes   bool
	publish         *template
	replies         []reply
	allReplies      uint16
	turns           uint16
	deliveries      []delivery // of a message of its own
	lists           []list     // of a message that brings several
	errors          []failure
	answers         []answer
	beats           []beat
	refresh         *step
	before          time.Duration
	session         []step
	resume          *step
	resumeAt        int // the steps of the session that come before resume
	resumeReplaces  int // the steps in whose place it comes: one, or none
	unmatchedErrors bool

	names   []string // of the values of a connection: Variables, then captures
	message tree
	nested  []tree // where strings are that hold JSON
}

// tree is where the pointers into one kind of document lead.
type tree struct {
	root  node
	slots int
}

func newTree() tree { return tree{root: node{index: -1, slot: -1}} }

type reply struct {
	name  string
	match string
	condition
	id locator
}

type delivery struct {
	condition
	id, seq, cursor, publisher, room, sentAt locator
	isJSON                                   bool // some of them are in JSON
	// A time is the number given times up, divided by down: divisions by whole
	// numbers come out the same in JavaScript to the last bit.
	up, down float64
	isISO    bool    // the time is a text in ISO 8601
	since    float64 // what the time counts from, in milliseconds since 1970
}

// list is a delivery in a list: its fields are those of the element, but for
// its condition, which is the message's.
type list struct {
	delivery
	each         locator
	elementWhere []wanted
	element      tree
}

type failure struct {
	condition
	reason  locator
	settles string
	id      locator
}

type answer struct {
	condition
	captures []capture
	message  *template
	passes   bool // the message may be something else, too
}

type beat struct {
	every   time.Duration
	message *template
}

type step struct {
	path     string // the descriptor's field
	purpose  Purpose
	wire     *wire // where it is not the protocol's
	message  *template
	awaits   *condition
	awaited  string // in words
	captures []capture
	within   time.Duration
}

type capture struct {
	name string
	slot int // of the connection's values
	locator
}

// HasProbe tells whether probes can be made.
func (p *Protocol) HasProbe() bool { return p.probe != nil }

// NumericIDs tells whether a probe's identifier must be a whole number.
func (p *Protocol) NumericIDs() bool { return p.numericID }

// IDsInTwoBytes tells whether identifiers repeat after 65,535 probes.
func (p *Protocol) IDsInTwoBytes() bool { return p.idsInTwoBytes }

// Sends is the first field of the descriptor that sends something on the
// connection, which an event stream has no way for; empty where it only reads.
func (p *Protocol) Sends() string { return p.sends }

// HasPublish tells whether publications can be made.
func (p *Protocol) HasPublish() bool { return p.publish != nil }

// HasDelivery tells whether published messages are known when they come.
func (p *Protocol) HasDelivery() bool { return len(p.deliveries)+len(p.lists) > 0 }

// DeliveryHasSentAt tells whether a delivery says when it was sent.
func (p *Protocol) DeliveryHasSentAt() bool {
	return slices.ContainsFunc(p.deliveries, func(d delivery) bool { return d.sentAt.given() }) ||
		slices.ContainsFunc(p.lists, func(l list) bool { return l.sentAt.given() })
}

// sentAtUnit is what a number at sentAt is counted in.
func (d *delivery) sentAtUnit() time.Duration {
	return time.Duration(d.up / d.down * float64(time.Millisecond))
}

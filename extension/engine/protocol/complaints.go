package protocol

// Complaint is what an error of a message says beside the count of it.
type Complaint struct {
	// Reason is what it counts as: "session", "error_reply", or a Fault's name.
	Reason string
	// Step is the descriptor's field whose session failed; "" otherwise.
	Step string
	// Detail is the words of the peer, as they came, or the breach.
	Detail string
}

// mostComplaints bounds what is kept of one reason.
const mostComplaints = 16

// Complaints tells what errors say, each wording once. The zero Complaints tells
// nobody. It belongs to one loop.
type Complaints struct {
	// Hear is told, on the loop's goroutine, what connection i met.
	Hear func(i int, c Complaint)
	// HearUnsent is told, on the loop's goroutine, why a message was not written, or
	// not taken, and the reason that it counts as.
	HearUnsent func(reason string, why error)

	unsent            [len(unsent)]bool
	sessions, replies map[string]bool
	faults            [ErrorFault + 1]map[string]bool
}

// SessionFailed is told when connection i cannot have its session.
func (k *Complaints) SessionFailed(i int, step string, detail []byte) {
	if k.isNew(&k.sessions, detail) {
		k.Hear(i, Complaint{Reason: "session", Step: step, Detail: string(detail)})
	}
}

// Failed is told when an error message came to connection i.
func (k *Complaints) Failed(i int, reason []byte) {
	if k.isNew(&k.replies, reason) {
		k.Hear(i, Complaint{Reason: "error_reply", Detail: string(reason)})
	}
}

// Invalid is told when a message to connection i broke the protocol.
func (k *Complaints) Invalid(i int, why Fault, detail string) {
	if k.Hear != nil && !k.faults[why][detail] && k.isNew(&k.faults[why], []byte(detail)) {
		k.Hear(i, Complaint{Reason: why.String(), Detail: detail})
	}
}

// Unsent is told when a message could not be written, or was not taken. Only the
// first of each reason is told: a wording may hold a port that changes each time.
func (k *Complaints) Unsent(why error) {
	if i := unsentFor(why); k.HearUnsent != nil && !k.unsent[i] {
		k.unsent[i] = true
		k.HearUnsent(unsent[i].reason, why)
	}
}

// isNew keeps a wording that was not there; one that was needs no memory.
func (k *Complaints) isNew(heard *map[string]bool, words []byte) bool {
	if k.Hear == nil || len(*heard) >= mostComplaints || (*heard)[string(words)] {
		return false
	}
	if *heard == nil {
		*heard = map[string]bool{}
	}
	(*heard)[string(words)] = true
	return true
}

package conform

import "time"

// Testee is the role of the implementation under test.
type Testee byte

// The roles; a case that is for both is zero.
const (
	Both Testee = iota
	Server
	Client
)

// Case is one test: the bytes to send, and the outcomes that pass. A case that matches no outcome
// is FAILED.
type Case struct {
	ID    string
	Title string // what is sent, and what must follow
	RFC   string // the paragraph that decides
	// Testee limits the case to one role. Default: both.
	Testee Testee
	// Open is the opening handshake. Default: a lawful one.
	Open Opening
	// Stream has the case be about HTTP/2 itself, frame by frame, in the place of
	// Open and of all that follows. Default: any version of HTTP.
	Stream *streamOpening
	// Reply has the case be about HTTP/2 itself, with a client as the testee.
	// Default: any version of HTTP.
	Reply *streamReply
	// Script is what follows.
	Script []Step
	// OK are the events that pass, in their order. Pings are not among them.
	OK []Event
	// NonStrict are events that pass, though others are preferred. Default: no
	// other events pass.
	NonStrict []Event
	// Lenient says that NonStrict counts, also where it is empty.
	Lenient bool
	// AnyOrder compares the events without their order.
	AnyOrder bool
	// Close says how the connection must end.
	Close CloseWant
	// Informational cases never fail: they tell how the testee behaves.
	Informational bool
	// EndDecides: an end that fails is a failure of the case's subject too.
	EndDecides bool
	// Heavy cases move megabytes. They share fewer places.
	Heavy bool
}

// CloseWant says how a connection must end.
type CloseWant struct {
	// ByTestee: the testee must fail the connection, by a Close frame or by
	// dropping TCP. Otherwise this side closes with code 1000, when the events
	// match.
	ByTestee bool
	// Either allows both: the testee fails the connection (OK), or takes the message, with the
	// events of NonStrict, and this side closes.
	Either bool
	// Codes that a Close frame of the testee may carry. It may carry none. No
	// Codes means any.
	Codes []int
	// Clean requires a Close frame of the testee.
	Clean bool
	// NeedCode requires a Close frame with one of the codes: a connection that
	// is dropped without one is NON-STRICT.
	NeedCode bool
	// NeedDrop requires a server to close TCP after the Close frames.
	NeedDrop bool
}

// Step is a part of a script.
type Step struct {
	Frames []Frame
	// Chop is how many octets are written at once. Default: the whole step.
	Chop int
	// Upto writes the step's one frame only up to so many octets of its
	// payload. A later step with Upto and without a frame goes on with it.
	Upto int
	// Gap is a pause between two writes.
	Gap time.Duration
	// Fin ends this side of TCP behind the step.
	Fin bool
	// EachFrame writes each frame on its own.
	EachFrame bool
	// Wait is how long the script stops, unless the connection ends.
	Wait time.Duration
	// Mark names an event, to be added if the connection outlives Wait.
	Mark string
	// Await stops the script until so many events have come.
	Await int
	// Closes says that the step starts the closing handshake.
	Closes bool
	// Rally is a series of messages, each echoed before the next goes out.
	Rally *Rally
}

// Rally sends messages one by one and compares each echo.
type Rally struct {
	Op       Op
	Bytes    int // of each message
	Count    int
	Corpus   string // what the messages hold; see corpus
	Fragment int    // payload octets of a frame, 0 for no fragmentation
	Compress bool
}

func text(s string) Frame       { return Frame{Fin: true, Op: OpText, Payload: []byte(s)} }
func bin(b []byte) Frame        { return Frame{Fin: true, Op: OpBinary, Payload: b} }
func ping(s string) Frame       { return Frame{Fin: true, Op: OpPing, Payload: []byte(s)} }
func pong(s string) Frame       { return Frame{Fin: true, Op: OpPong, Payload: []byte(s)} }
func first(s string) Frame      { return Frame{Op: OpText, Payload: []byte(s)} }
func more(s string) Frame       { return Frame{Op: OpContinuation, Payload: []byte(s)} }
func last(s string) Frame       { return Frame{Fin: true, Op: OpContinuation, Payload: []byte(s)} }
func odd(op Op, s string) Frame { return Frame{Fin: true, Op: op, Payload: []byte(s)} }

func closeFrame(code int, reason string) Frame {
	return Frame{Fin: true, Op: OpClose, Payload: closePayload(code, reason)}
}

func (f Frame) rsv(bits byte) Frame { f.RSV = bits; return f }
func (f Frame) notFin() Frame       { f.Fin = false; return f }

func send(frames ...Frame) Step               { return Step{Frames: frames} }
func sendEach(frames ...Frame) Step           { return Step{Frames: frames, EachFrame: true} }
func chopped(n int, frames ...Frame) Step     { return Step{Frames: frames, Chop: n} }
func closing(frames ...Frame) Step            { return Step{Frames: frames, Closes: true} }
func wait(d time.Duration) Step               { return Step{Wait: d} }
func await(events int) Step                   { return Step{Await: events} }
func pause(d time.Duration, mark string) Step { return Step{Wait: d, Mark: mark} }

func slowly(gap time.Duration, chop int, frames ...Frame) Step {
	return Step{Frames: frames, Chop: chop, Gap: gap}
}

func (s Step) fin() Step { s.Fin = true; return s }

func script(steps ...Step) []Step { return steps }

func texts(s string) Event     { return Event{Kind: Text, Data: []byte(s)} }
func bins(b []byte) Event      { return Event{Kind: Binary, Data: b} }
func pongs(s string) Event     { return Event{Kind: Pong, Data: []byte(s)} }
func paused(mark string) Event { return Event{Kind: Pause, Data: []byte(mark)} }

func events(e ...Event) []Event { return e }

var (
	closesNormally = CloseWant{Codes: []int{1000}, Clean: true}
	failsProtocol  = CloseWant{ByTestee: true, Codes: []int{1002}}
	failsPayload   = CloseWant{ByTestee: true, Codes: []int{1007}}
)

func refuses(codes ...int) CloseWant { return CloseWant{Codes: codes} }
func answers(codes ...int) CloseWant { return CloseWant{Codes: codes, Clean: true} }

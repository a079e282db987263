package swarm

import (
	"xk6-realtime/engine"
)

// Notice is the words of a failure, or of an end that was not planned, beside the counts. Its
// Text is the peer's or the system's, as it came.
type Notice struct {
	// Failure is why the connection was never opened; ReasonNone if it was.
	Failure engine.Reason
	// Code is that of the peer's Close frame, for one that was opened.
	Code uint16
	// Text is what a redirect leads to, why a look-up or a TLS handshake
	// failed, what ended a stream of HTTP/2, or what a Close frame says.
	Text string
}

// mostWordings bounds what is kept of one reason or code.
const mostWordings = 16

func (sh *share) notice(s *session, n Notice) {
	hear := sh.swarm.o.Notice
	if hear == nil || n == (Notice{}) || sh.noticed[n] {
		return
	}
	if sh.noticed == nil {
		sh.noticed, sh.wording = map[Notice]bool{}, map[Notice]int{}
	}
	kind := Notice{Failure: n.Failure, Code: n.Code}
	if sh.wording[kind] >= mostWordings {
		return
	}
	sh.wording[kind]++
	sh.noticed[n] = true
	hear(int(s.index), n)
}

// noticeOfFailure is nothing where the reason says all.
func noticeOfFailure(f engine.Failure) Notice {
	const leastStatus = 100
	if redirect, is := f.Err.(*engine.RedirectError); is {
		return Notice{Failure: f.Reason, Text: redirect.Error()}
	}
	switch {
	case f.Reason >= leastStatus:
		return Notice{Failure: f.Reason}
	case f.Err == nil:
		return Notice{}
	}
	switch f.Reason {
	case engine.ReasonDNS, engine.ReasonTLS, engine.ReasonBadUpgrade, engine.ReasonOther,
		engine.ReasonHTTP2Unsupported, engine.ReasonHTTP2Refused, engine.ReasonHTTP2Reset, engine.ReasonHTTP2GoAway, engine.ReasonHTTP2Broken:
		return Notice{Failure: f.Reason, Text: f.Err.Error()}
	}
	return Notice{}
}

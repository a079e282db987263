package binding

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/sirupsen/logrus"

	"xk6-realtime/engine"
	"xk6-realtime/engine/protocol"
	"xk6-realtime/engine/swarm"
)

const (
	// mostNotices bounds what is said of all that came; a peer may have
	// thousands of wordings.
	mostNotices = 30
	// mostOfAGroup bounds what is said of one reason or close code.
	mostOfAGroup = 5
)

// notices is what closed lists leave out, said once each in this process, in
// sentences: the status of a refusal, where it redirects to, the text of a
// Close frame.
type notices struct {
	mu     sync.Mutex
	said   map[string]bool
	groups map[string]int
	all    []string
	logged int
}

// add keeps a sentence, unless it or enough like it was said.
func (n *notices) add(group, sentence string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.said[sentence] || n.groups[group] >= mostOfAGroup || len(n.all) >= mostNotices {
		return
	}
	if n.said == nil {
		n.said, n.groups = map[string]bool{}, map[string]int{}
	}
	n.said[sentence] = true
	n.groups[group]++
	n.all = append(n.all, sentence)
}

// log logs the notices added since.
func (n *notices) log(logger logrus.FieldLogger) {
	n.mu.Lock()
	news := n.all[n.logged:]
	n.logged = len(n.all)
	n.mu.Unlock()
	for _, sentence := range news {
		logger.Warn(sentence)
	}
}

// soFar is all that was added.
func (n *notices) soFar() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.all...)
}

// hear is called on a loop's goroutine with what counts alone do not tell.
func (r *recorder) hear(said swarm.Notice, secrets ...string) {
	text := peerText(said.Text, secrets...)
	if said.Failure != engine.ReasonNone {
		reason := said.Failure
		name := failureReason(r.metrics.ConnectFailures, reason)
		switch {
		case reason >= 100 && (name == statusOffTheList || text != ""):
			r.process.notices.add(reason.String(), "an upgrade was answered with "+reason.String()+
				prefixed(": ", text)+countsAs(name == statusOffTheList, "ws_connect_failures{reason:"+name+"}"))
		case reason < 100 && text != "":
			r.process.notices.add(name, "a connection failed ("+name+"): "+text)
		}
		return
	}
	code := codeName(said.Code)
	isOther := listed(r.metrics.Drops, "code", code) == "other"
	if isOther || text != "" {
		sentence := "a connection was closed with " + code
		if text != "" {
			sentence += fmt.Sprintf(` and "%s"`, text)
		}
		r.process.notices.add("closed "+code, sentence+countsAs(isOther, "ws_connection_drops{code:other}"))
	}
}

// unwritable is called on a loop's goroutine.
func (n *notices) unwritable(reason string, why error) {
	n.add("unsent", peerText(why.Error())+", which counts as ws_message_errors{reason:"+reason+"}")
}

// crowded is called on the event loop, often.
func (n *notices) crowded() {
	n.add("logins", fmt.Sprintf("logins waited for their turn: a virtual user has %d under way at a time. "+
		"The wait is in ws_login_ms and, as this side's, in ws_generator_delay_ms. Raise SHARDS, or connect more slowly", mostLogins))
}

// complaintsOf hears, on a loop's goroutine, what errors in the messages of a
// connection say.
func (n *notices) complaintsOf(r *requests) func(i int, c protocol.Complaint) {
	return func(i int, c protocol.Complaint) {
		if c.Detail == "" {
			return
		}
		what := "a message broke the protocol (" + c.Reason + ")"
		switch c.Reason {
		case "session":
			what = "a session failed"
			if c.Step != "" {
				what += " at " + c.Step
			}
		case "error_reply":
			what = "the server answered with an error"
		}
		n.add(c.Reason, what+": "+peerText(c.Detail, r.secrets(i)...))
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func countsAs(isOther bool, series string) string {
	if !isOther {
		return ""
	}
	return ", which counts as " + series
}

const (
	shortestSecret   = 6 // shorter ones would black out half of what is said
	mostOfAPeersText = 120
)

// tokenLike may be a token, or an identifier that is another each time.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_+=~-]{25,}`)

// unsafe is what a terminal acts upon, and what hides or reorders text.
var unsafe = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00, Hi: 0x1f, Stride: 1}, {Lo: 0x7f, Hi: 0x9f, Stride: 1}, {Lo: 0xad, Hi: 0xad, Stride: 1},
		{Lo: 0x61c, Hi: 0x61c, Stride: 1}, {Lo: 0x180e, Hi: 0x180e, Stride: 1}, {Lo: 0x200b, Hi: 0x200f, Stride: 1},
		{Lo: 0x2028, Hi: 0x202e, Stride: 1}, {Lo: 0x2060, Hi: 0x206f, Stride: 1}, {Lo: 0xd800, Hi: 0xdfff, Stride: 1},
		{Lo: 0xfeff, Hi: 0xfeff, Stride: 1}, {Lo: 0xfff9, Hi: 0xfffb, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe007f, Stride: 1}},
}

// peerText is what a peer said, fit for a log: printable, bounded, without the
// secrets given or what looks like one. lib/peer-text.ts is the same; one table
// holds them together.
func peerText(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= shortestSecret {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = tokenLike.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter) {
			return "***"
		}
		return word
	})
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unsafe, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > mostOfAPeersText {
		return string(runes[:mostOfAPeersText]) + "…"
	}
	return text
}

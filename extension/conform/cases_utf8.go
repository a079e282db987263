package conform

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// utf8Payloads are the payloads of groups 6.5 to 6.23, one text message each.
// A minus before the octets marks what is not UTF-8 (RFC 3629).
var utf8Payloads = []struct{ group, about, octets string }{
	{"6.5", "valid text of one to four bytes a character", `68656c6c6f24776f726c64 68656c6c6fc2a2776f726c64 68656c6c6fe282ac776f726c64
		68656c6c6ff0a4ada2776f726c64 cebae1bdb9cf83cebcceb5`},
	{"6.6", "each prefix of a text of multi-byte characters", `-ce ceba -cebae1 -cebae1bd cebae1bdb9 -cebae1bdb9cf cebae1bdb9cf83 -cebae1bdb9cf83ce
		cebae1bdb9cf83cebc -cebae1bdb9cf83cebcce cebae1bdb9cf83cebcceb5`},
	{"6.7", "the first character of each length", `00 c280 e0a080 f0908080`},
	{"6.8", "the first sequence of 5 and of 6 bytes, which are beyond U+10FFFF", `-f888808080 -fc8480808080`},
	{"6.9", "the last character of each length", `7f dfbf efbfbf f48fbfbf`},
	{"6.10", "the last sequence of 4, 5 and 6 bytes, which are beyond U+10FFFF", `-f7bfbfbf -fbbfbfbfbf -fdbfbfbfbfbf`},
	{"6.11", "characters on both sides of a bound", `ed9fbf ee8080 efbfbd f48fbfbf -f4908080`},
	{"6.12", "continuation bytes that continue nothing", `-80 -bf -80bf -80bf80 -80bf80bf -80bf80bf80 -80bf80bf80bf
		-808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe`},
	{"6.13", "first bytes, each followed by a space", `-c020c120c220c320c420c520c620c720c820c920ca20cb20cc20cd20ce20cf20d020d120d220d320d420d520d620d720d820d920da20db20dc20dd20de20
		-e020e120e220e320e420e520e620e720e820e920ea20eb20ec20ed20ee20 -f020f120f220f320f420f520f620
		-f820f920fa20 -fc20`},
	{"6.14", "sequences without their last byte", `-c0 -e080 -f08080 -f8808080 -fc80808080 -df -efbf -f7bfbf -fbbfbfbf -fdbfbfbfbf`},
	{"6.15", "incomplete sequences, one behind the other", `-c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf`},
	{"6.16", "bytes that UTF-8 never has", `-fe -ff -fefeffff`},
	{"6.17", "an ASCII character in more bytes than it needs", `-c0af -e080af -f08080af -f8808080af -fc80808080af`},
	{"6.18", "the highest character in more bytes than it needs", `-c1bf -e09fbf -f08fbfbf -f887bfbfbf -fc83bfbfbfbf`},
	{"6.19", "NUL in more bytes than it needs", `-c080 -e08080 -f0808080 -f880808080 -fc8080808080`},
	{"6.20", "one UTF-16 surrogate", `-eda080 -edadbf -edae80 -edafbf -edb080 -edbe80 -edbfbf`},
	{"6.21", "two UTF-16 surrogates", `-eda080edb080 -eda080edbfbf -edadbfedb080 -edadbfedbfbf -edae80edb080 -edae80edbfbf -edafbfedb080
		-edafbfedbfbf`},
	{"6.22", "code points of noncharacters, which UTF-8 allows", `efbfbe efbfbf f09fbfbe f09fbfbf f0afbfbe f0afbfbf f0bfbfbe f0bfbfbf f18fbfbe f18fbfbf f19fbfbe
		f19fbfbf f1afbfbe f1afbfbf f1bfbfbe f1bfbfbf f28fbfbe f28fbfbf f29fbfbe f29fbfbf f2afbfbe f2afbfbf
		f2bfbfbe f2bfbfbf f38fbfbe f38fbfbf f39fbfbe f39fbfbf f3afbfbe f3afbfbf f3bfbfbe f3bfbfbf f48fbfbe
		f48fbfbf`},
	{"6.23", "special characters, the replacement character among them", `efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf`},
}

const (
	greek      = "κόσμε"
	umlauts    = "Hello-µ@ßöäüàá-UTF-8!!"
	surrogate  = "\xed\xa0\x80"
	tooHigh    = "\xf4\x90\x80\x80" // U+110000
	afterwards = "edited"
)

// octetFrames are a text message whose frames carry one octet each, and an
// empty last one.
func octetFrames(s string) []Frame {
	frames := []Frame{first(s[:1])}
	for i := 1; i < len(s); i++ {
		frames = append(frames, more(s[i:i+1]))
	}
	return append(frames, last(""))
}

// How long a script gives the testee to refuse what it has got so far. The
// first wait decides nothing; the second tells a testee that fails fast.
const (
	waitValid   = 300 * time.Millisecond
	waitInvalid = 3 * time.Second
)

// failFast sends a text message in three parts, of which the second breaks it.
func failFast(id, title string, script []Step) Case {
	return Case{
		ID: id, Title: title, RFC: "RFC 6455 8.1", Script: script,
		OK: events(paused("A")), NonStrict: events(paused("A"), paused("B")), Close: failsPayload,
	}
}

// parts sends one frame in three writes, which end behind so many octets of
// its payload.
func parts(payload string, at ...int) []Step {
	whole := text(payload)
	return []Step{
		{Frames: []Frame{whole}, Upto: at[0]}, pause(waitValid, "A"),
		{Upto: at[1]}, pause(waitInvalid, "B"),
		{Upto: len(payload)},
	}
}

func utf8Cases() []Case {
	valid := func(id, title, payload string, script ...Step) Case {
		return Case{ID: id, Title: title, RFC: "RFC 6455 5.6", Script: script, OK: events(texts(payload)), Close: closesNormally}
	}
	invalid := func(id, title string, script ...Step) Case {
		return Case{ID: id, Title: title, RFC: "RFC 6455 8.1", Script: script, Close: failsPayload}
	}
	low, high := greek+tooHigh[:1], tooHigh[1:2]
	all := []Case{
		valid("6.1.1", "An empty text message.", "", send(text(""))),
		valid("6.1.2", "A text message of three empty fragments.", "", send(first(""), more(""), last(""))),
		valid("6.1.3", "A text message of three fragments, the first and the last empty.", "middle frame payload", send(first(""), more("middle frame payload"), last(""))),
		valid("6.2.1", "A text message with multi-byte characters.", umlauts, send(text(umlauts))),
		valid("6.2.2", "The same in two fragments, split between characters.", umlauts, send(first("Hello-µ@ßöä"), last("üàá-UTF-8!!"))),
		valid("6.2.3", "The same in fragments of one octet.", umlauts, send(octetFrames(umlauts)...)),
		valid("6.2.4", "A Greek word in fragments of one octet.", greek, send(octetFrames(greek)...)),
		invalid("6.3.1", "A text message with a surrogate, which UTF-8 does not allow.", send(text(greek+surrogate+afterwards))),
		invalid("6.3.2", "The same in fragments of one octet.", send(octetFrames(greek+surrogate+afterwards)...)),
		failFast("6.4.1", "Three fragments, the second of which is not UTF-8, with a pause behind each.",
			script(send(first(greek)), pause(waitValid, "A"), send(more(tooHigh)), pause(waitInvalid, "B"), send(last(afterwards)))),
		failFast("6.4.2", "The same, where the second fragment ends with the octet that breaks the text.",
			script(send(first(low)), pause(waitValid, "A"), send(more(high)), pause(waitInvalid, "B"), send(last(tooHigh[2:]+afterwards)))),
		failFast("6.4.3", "One frame in three writes, the second of which is not UTF-8, with a pause behind each.",
			parts(greek+tooHigh+afterwards, len(greek), len(greek+tooHigh))),
		failFast("6.4.4", "The same, where the second write ends with the octet that breaks the text.",
			parts(greek+tooHigh+afterwards, len(low), len(low+high))),
	}
	for _, g := range utf8Payloads {
		for i, octets := range strings.Fields(g.octets) {
			digits, broken := strings.CutPrefix(octets, "-")
			b, err := hex.DecodeString(digits)
			if err != nil {
				panic(err) // the table above
			}
			id := fmt.Sprintf("%s.%d", g.group, i+1)
			title := fmt.Sprintf("A text message of the octets %s: %s.", digits, g.about)
			if broken {
				all = append(all, invalid(id, title, send(text(string(b)))))
			} else {
				all = append(all, valid(id, title, string(b), send(text(string(b)))))
			}
		}
	}
	return all
}

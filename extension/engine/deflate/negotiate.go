package deflate

import (
	"fmt"
	"strconv"
	"strings"
)

// The bits of a window (section 7.1.2): it has 2 to their power bytes.
const (
	MinBits = 8
	MaxBits = 15
)

const (
	extension        = "permessage-deflate"
	serverNoTakeover = "server_no_context_takeover"
	clientNoTakeover = "client_no_context_takeover"
	serverMaxBits    = "server_max_window_bits"
	clientMaxBits    = "client_max_window_bits"
)

// Options is what one side wants. The zero Options are the cheapest in memory
// where there are many connections: no message refers to an earlier one.
type Options struct {
	// ServerTakeover and ClientTakeover let messages of the server, and of the
	// client, refer to earlier ones.
	ServerTakeover, ClientTakeover bool
	// ServerBits and ClientBits bound the window of each, from MinBits to
	// MaxBits. Default MaxBits.
	ServerBits, ClientBits uint8
}

// Params is what both sides agreed on.
type Params Options

// Check returns an error for invalid options.
func (o Options) Check() error {
	for _, bits := range [...]struct {
		name string
		n    uint8
	}{{"ServerBits", o.ServerBits}, {"ClientBits", o.ClientBits}} {
		if bits.n != 0 && (bits.n < MinBits || bits.n > MaxBits) {
			return fmt.Errorf("deflate: %s: want %d to %d, got %d", bits.name, MinBits, MaxBits, bits.n)
		}
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.ServerBits == 0 {
		o.ServerBits = MaxBits
	}
	if o.ClientBits == 0 {
		o.ClientBits = MaxBits
	}
	return o
}

// Offer is a client's offer, as the value of Sec-WebSocket-Extensions. It always
// lets the server limit the client's window, as browsers do.
func (o Options) Offer() string {
	o = o.withDefaults()
	offer := extension
	if !o.ServerTakeover {
		offer += "; " + serverNoTakeover
	}
	if !o.ClientTakeover {
		offer += "; " + clientNoTakeover
	}
	if o.ServerBits < MaxBits {
		offer += "; " + serverMaxBits + "=" + strconv.Itoa(int(o.ServerBits))
	}
	offer += "; " + clientMaxBits
	if o.ClientBits < MaxBits {
		offer += "=" + strconv.Itoa(int(o.ClientBits))
	}
	return offer
}

// AnswerError is the fault of a server's answer to an Offer.
type AnswerError struct{ Detail string }

func (e *AnswerError) Error() string { return "Sec-WebSocket-Extensions: " + e.Detail }

func wrongAnswer(format string, args ...any) error {
	return &AnswerError{fmt.Sprintf(format, args...)}
}

// Agreed reads a server's answer to the Offer, the value of its
// Sec-WebSocket-Extensions: nil for one that declined. An answer that the offer
// does not allow is an *AnswerError (section 7.1).
func (o Options) Agreed(answer []byte) (*Params, error) {
	o = o.withDefaults()
	list, ok := parseExtensions(string(answer))
	switch {
	case !ok:
		return nil, wrongAnswer("want a list of extensions")
	case len(list) == 0:
		return nil, nil
	case list[0].name != extension:
		return nil, wrongAnswer("%s was not offered", printable(list[0].name))
	case len(list) > 1:
		return nil, wrongAnswer("want %s alone and once", extension)
	}
	given, detail := readParams(list[0].params, false)
	switch {
	case detail != "":
		return nil, wrongAnswer("%s", detail)
	case !o.ServerTakeover && !given.serverNoTakeover:
		return nil, wrongAnswer("%s was offered and is missing", serverNoTakeover)
	case o.ServerBits < MaxBits && given.serverBits == 0:
		return nil, wrongAnswer("%s was offered and is missing", serverMaxBits)
	case given.serverBits > o.ServerBits:
		return nil, wrongAnswer("%s=%d: want at most the %d that were offered", serverMaxBits, given.serverBits, o.ServerBits)
	case given.clientBits > o.ClientBits:
		return nil, wrongAnswer("%s=%d: want at most the %d that were offered", clientMaxBits, given.clientBits, o.ClientBits)
	}
	return &Params{
		ServerTakeover: !given.serverNoTakeover,
		ClientTakeover: o.ClientTakeover && !given.clientNoTakeover,
		ServerBits:     orElse(given.serverBits, MaxBits),
		ClientBits:     orElse(given.clientBits, o.ClientBits),
	}, nil
}

func orElse(bits, otherwise uint8) uint8 {
	if bits == 0 {
		return otherwise
	}
	return bits
}

// Accept chooses the first of a client's offers that a server of these options
// can accept, and the answer to it; "" for none.
func (o Options) Accept(offers []byte) (answer string, agreed *Params) {
	o = o.withDefaults()
	list, ok := parseExtensions(string(offers))
	if !ok {
		return "", nil
	}
	for _, offer := range list {
		if offer.name != extension {
			continue
		}
		given, detail := readParams(offer.params, true)
		if detail != "" {
			continue
		}
		p := Params{
			ServerTakeover: o.ServerTakeover && !given.serverNoTakeover,
			ClientTakeover: o.ClientTakeover && !given.clientNoTakeover,
			ServerBits:     min(o.ServerBits, orElse(given.serverBits, MaxBits)),
			ClientBits:     MaxBits,
		}
		if given.hasClientBits {
			p.ClientBits = min(o.ClientBits, orElse(given.clientBits, MaxBits))
		}
		return p.String(), &p
	}
	return "", nil
}

// String is the value of Sec-WebSocket-Extensions that states them.
func (p Params) String() string {
	answer := extension
	if !p.ServerTakeover {
		answer += "; " + serverNoTakeover
	}
	if !p.ClientTakeover {
		answer += "; " + clientNoTakeover
	}
	if p.ServerBits < MaxBits {
		answer += "; " + serverMaxBits + "=" + strconv.Itoa(int(p.ServerBits))
	}
	if p.ClientBits < MaxBits {
		answer += "; " + clientMaxBits + "=" + strconv.Itoa(int(p.ClientBits))
	}
	return answer
}

// params are those of an offer or an answer; bits are 0 where there are none.
type params struct {
	serverNoTakeover, clientNoTakeover, hasClientBits bool
	serverBits, clientBits                            uint8
}

// readParams reads them, or describes the fault. In an offer, clientMaxBits may be without a
// value.
func readParams(list []param, isOffer bool) (p params, wrong string) {
	seen := map[string]bool{}
	for _, given := range list {
		if seen[given.name] {
			return p, given.name + ": want it once"
		}
		seen[given.name] = true
		ok := true
		switch given.name {
		case serverNoTakeover:
			p.serverNoTakeover, ok = true, !given.hasValue
		case clientNoTakeover:
			p.clientNoTakeover, ok = true, !given.hasValue
		case serverMaxBits:
			p.serverBits, ok = parseBits(given)
		case clientMaxBits:
			p.hasClientBits = true
			if given.hasValue || !isOffer {
				p.clientBits, ok = parseBits(given)
			}
		default:
			return p, printable(given.name) + " is no parameter of " + extension
		}
		if !ok {
			return p, fmt.Sprintf("%s: got %q, want %s", given.name, printable(given.value), wantOf(given.name))
		}
	}
	return p, ""
}

func wantOf(name string) string {
	if name == serverMaxBits || name == clientMaxBits {
		return fmt.Sprintf("%d to %d", MinBits, MaxBits)
	}
	return "no value"
}

func parseBits(p param) (bits uint8, ok bool) {
	n, err := strconv.ParseUint(p.value, 10, 8)
	if err != nil || p.value[0] == '0' || p.value[0] == '+' || n < MinBits || n > MaxBits {
		return 0, false
	}
	return uint8(n), true
}

// printable is what a peer wrote, short and without what a terminal may obey.
func printable(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' && r != '…' {
			return '?'
		}
		return r
	}, s)
}

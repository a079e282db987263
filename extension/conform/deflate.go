package conform

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
)

const deflateName = "permessage-deflate"

// agreed is what the parties agreed about permessage-deflate (RFC 7692 7.1).
// The zero value of bits is 15.
type agreed struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int
}

// extension is one element of a Sec-WebSocket-Extensions header.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	hasValue    bool
}

func (e *extension) param(name string) (param, bool) {
	for _, p := range e.params {
		if p.name == name {
			return p, true
		}
	}
	return param{}, false
}

// extensionsOf parses Sec-WebSocket-Extensions (RFC 6455 9.1). Values in
// quotes hold no comma or semicolon in the extensions known here.
func extensionsOf(h *head) (all []extension) {
	for _, token := range h.tokens("Sec-WebSocket-Extensions") {
		parts := strings.Split(token, ";")
		e := extension{name: strings.TrimSpace(parts[0])}
		for _, p := range parts[1:] {
			name, value, has := strings.Cut(strings.TrimSpace(p), "=")
			e.params = append(e.params, param{strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`), has})
		}
		all = append(all, e)
	}
	return all
}

// bitsOf is a window size of 8 to 15 bits (RFC 7692 7.1.2).
func bitsOf(p param) (int, *Breach) {
	n, err := strconv.Atoi(p.value)
	if err != nil || n < 8 || n > 15 || p.value[0] == '0' {
		return 0, breach("RFC 7692 7.1.2", "%s is %q, expected 8 to 15", p.name, p.value)
	}
	return n, nil
}

// agreement reads what a server agreed to. offered is nil where nothing was.
func agreement(response *head, offered []string) (*agreed, *Breach) {
	chosen := extensionsOf(response)
	switch {
	case len(chosen) == 0:
		return nil, nil
	case offered == nil:
		return nil, breach("RFC 6455 4.1", "the server agreed to extension %q, which was not offered", chosen[0].name)
	case len(chosen) > 1 || chosen[0].name != deflateName:
		return nil, breach("RFC 6455 9.1", "the server agreed to %q, expected %s once", response.all("Sec-WebSocket-Extensions"), deflateName)
	}
	a, b := parametersOf(&chosen[0])
	if b != nil {
		return nil, b
	}
	if a.clientBits != 0 && !strings.Contains(strings.Join(offered, ","), "client_max_window_bits") {
		return nil, breach("RFC 7692 7.1.2.2", "client_max_window_bits in the response, the offer has none")
	}
	return a, nil
}

func parametersOf(e *extension) (*agreed, *Breach) {
	a, seen := &agreed{}, map[string]bool{}
	for _, p := range e.params {
		if seen[p.name] {
			return nil, breach("RFC 7692 7.1", "parameter %s came twice", p.name)
		}
		seen[p.name] = true
		var b *Breach
		switch p.name {
		case "server_no_context_takeover":
			a.serverNoTakeover, b = true, noValue(p)
		case "client_no_context_takeover":
			a.clientNoTakeover, b = true, noValue(p)
		case "server_max_window_bits":
			a.serverBits, b = bitsOf(p)
		case "client_max_window_bits":
			a.clientBits, b = bitsOf(p)
		default:
			b = breach("RFC 7692 7.1", "unknown parameter %q", p.name)
		}
		if b != nil {
			return nil, b
		}
	}
	return a, nil
}

func noValue(p param) *Breach {
	if p.hasValue {
		return breach("RFC 7692 7.1.1", "%s has the value %q, expected none", p.name, p.value)
	}
	return nil
}

// agree answers a client's offers: the first offer that allows one of the
// requests, tried in their order.
func agree(request *head, requests []clientLimits) (*agreed, string) {
	if len(requests) == 0 {
		requests = []clientLimits{{}}
	}
	for _, want := range requests {
		for _, e := range extensionsOf(request) {
			if e.name != deflateName {
				continue
			}
			if a, answer, ok := answerTo(&e, want); ok {
				return a, answer
			}
		}
	}
	return nil, ""
}

func answerTo(e *extension, want clientLimits) (a *agreed, answer string, ok bool) {
	a = &agreed{clientNoTakeover: want.noTakeover, clientBits: want.bits}
	answer = deflateName
	if _, has := e.param("server_no_context_takeover"); has {
		a.serverNoTakeover = true
		answer += "; server_no_context_takeover"
	}
	if p, has := e.param("server_max_window_bits"); has {
		bits, b := bitsOf(p)
		if b != nil {
			return nil, "", false
		}
		a.serverBits = bits
		answer += "; server_max_window_bits=" + strconv.Itoa(bits)
	}
	if want.noTakeover {
		answer += "; client_no_context_takeover"
	}
	if want.bits != 0 {
		if _, has := e.param("client_max_window_bits"); !has {
			return nil, "", false
		}
		answer += "; client_max_window_bits=" + strconv.Itoa(want.bits)
	}
	return a, answer, true
}

// deflate compresses this side's messages.
type deflate struct {
	w          *flate.Writer
	out        bytes.Buffer
	noTakeover bool
}

func newDeflate(bits int, noTakeover bool) *deflate {
	d := &deflate{noTakeover: noTakeover}
	var err error
	if bits == 0 || bits == 15 {
		d.w, err = flate.NewWriter(&d.out, flate.BestSpeed)
	} else {
		d.w, err = flate.NewWriterWindow(&d.out, 1<<bits)
	}
	if err != nil {
		panic(fmt.Sprintf("a window of %d bits: %v", bits, err)) // 8 to 15 all work
	}
	return d
}

// message compresses one message (RFC 7692 7.2.1).
func (d *deflate) message(data []byte) []byte {
	if d.noTakeover {
		d.w.Reset(&d.out)
	}
	d.out.Reset()
	if _, err := d.w.Write(data); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := d.w.Flush(); err != nil {
		panic(err)
	}
	return append([]byte(nil), bytes.TrimSuffix(d.out.Bytes(), flushed)...)
}

// flushed ends what a flush wrote; the sender leaves it out, the receiver puts
// it back.
var flushed = []byte{0, 0, 0xff, 0xff}

// lastBlock is flushed and an empty last block, so that a reader finds an end.
var lastBlock = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

// inflate decompresses the testee's messages.
type inflate struct {
	r          io.ReadCloser
	window     []byte
	size       int
	noTakeover bool
}

func newInflate(bits int, noTakeover bool) *inflate {
	if bits == 0 {
		bits = 15
	}
	return &inflate{r: flate.NewReader(nil), size: 1 << bits, noTakeover: noTakeover}
}

// errBomb bounds what a testee can make this side keep.
var errBomb = errors.New("more than was ever sent")

func (d *inflate) message(data []byte) ([]byte, error) {
	source := io.MultiReader(bytes.NewReader(data), bytes.NewReader(lastBlock))
	if err := d.r.(flate.Resetter).Reset(source, d.window); err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(d.r, maxFrame+1))
	if err != nil {
		return nil, err
	}
	if len(out) > maxFrame {
		return nil, errBomb
	}
	if !d.noTakeover {
		d.window = append(d.window, out...)
		if over := len(d.window) - d.size; over > 0 {
			d.window = append(d.window[:0], d.window[over:]...)
		}
	}
	return out, nil
}

package echobench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
)

// What a leader and the instances that joined it say to each other: JSON, one
// object after the other. An instance says hello and is given its job. Then, for
// each row, it is told its turn, says that it is ready, is told to go, says that
// it began, and hands over its result.

// protocol is what an instance says first, so that nothing else is taken for one.
const protocol = "k6-realtime echo-bench 2"

type hello struct {
	Protocol string `json:"protocol"`
}

// job is the first word to an instance.
type job struct {
	Refused string `json:"refused,omitempty"` // why it is none
	Index   int    `json:"index"`
	Of      int    `json:"of"`
	Spec    string `json:"spec"`
}

// order is any later word to an instance.
type order struct {
	Turn *address `json:"turn,omitempty"`
	Go   bool     `json:"go"`
}

// address is which case of which server.
type address struct {
	Server  int `json:"server"`
	Testset int `json:"testset"`
	Case    int `json:"case"`
}

// word is what an instance says, one of them at a time.
type word struct {
	Ready  bool            `json:"ready,omitempty"`
	Began  bool            `json:"began,omitempty"`
	Result *InstanceResult `json:"result,omitempty"`
}

const (
	// smallBytes bounds every word but a result and a spec.
	smallBytes = 4 << 10
	// specBytes bounds a spec file.
	specBytes = 8 << 20
	// latencyBytes is the most that one latency and its delay take in JSON.
	latencyBytes = 2 * 21
	// resultBytes is the most that the rest of a result takes.
	resultBytes = 1 << 20
)

// peer is the other end of a connection between leader and instance.
type peer struct {
	conn    net.Conn
	bounded io.LimitedReader
	in      *json.Decoder
	out     *json.Encoder
}

func newPeer(conn net.Conn) *peer {
	p := &peer{conn: conn, bounded: io.LimitedReader{R: conn}, out: json.NewEncoder(conn)}
	p.in = json.NewDecoder(&p.bounded)
	return p
}

// hear reads one word of so many bytes at most.
func (p *peer) hear(v any, most int64) error {
	p.bounded.N = most
	err := p.in.Decode(v)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if p.bounded.N == 0 {
			return fmt.Errorf("expected a message of %d bytes at most, got a longer one", most)
		}
		return errors.New("it ended the connection")
	case err != nil:
		return fmt.Errorf("could not be read: %w", err)
	}
	return nil
}

func (p *peer) say(v any) error { return p.out.Encode(v) }

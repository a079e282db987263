//go:build unix

package subcommand

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"syscall"
	"testing"

	"xk6-realtime/engine/serve"
)

func TestWrongRoomFlagsAreRefused(t *testing.T) {
	tests := []struct{ name, flag, value, want string }{
		{"no loop", "--loops", "0", "--loops: expected 1 to 64, got 0"},
		{"no JSON", "--faults", "lose", "--faults: expected JSON such as"},
		{"an unknown fault", "--faults", `{"lose":{}}`, `unknown field "lose"`},
		{"a negative number", "--faults", `{"loseDeliveries":{"every":-1}}`, "loseDeliveries: want no negative number, got every -1"},
	}
	for _, test := range tests {
		cmd := NewRoom(nil)
		cmd.SetArgs([]string{"--listen", "127.0.0.1:0", test.flag, test.value})
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
}

// signaller is an output that ends the command as soon as it listens.
type signaller struct{ bytes.Buffer }

func (s *signaller) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("listening on ")) {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			return 0, err
		}
	}
	return s.Buffer.Write(b)
}

func TestRoomsTellAtTheEndWhatTheyDid(t *testing.T) {
	var out signaller
	cmd := NewRoom(nil)
	cmd.SetArgs([]string{"--listen", "127.0.0.1:0"})
	cmd.SetOut(&out)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	_, report, _ := strings.Cut(out.String(), "\n")
	got := serve.RoomReport{Sent: -1}
	if err := json.Unmarshal([]byte(report), &got); err != nil || got != (serve.RoomReport{}) {
		t.Errorf("after %q: %v", report, err)
	}
}

package deflate

import (
	"errors"
	"strings"
	"testing"
)

const none = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

func TestOffers(t *testing.T) {
	for _, row := range []struct {
		sentence string
		o        Options
		want     string
	}{
		{"by default nothing refers to earlier messages", Options{}, none + "; client_max_window_bits"},
		{"all of it", Options{ServerTakeover: true, ClientTakeover: true}, "permessage-deflate; client_max_window_bits"},
		{"small windows", Options{ServerTakeover: true, ClientTakeover: true, ServerBits: 9, ClientBits: 8},
			"permessage-deflate; server_max_window_bits=9; client_max_window_bits=8"},
	} {
		if got := row.o.Offer(); got != row.want {
			t.Errorf("%s: got %q, want %q", row.sentence, got, row.want)
		}
	}
}

func TestAnswersAreHeldToTheOffer(t *testing.T) {
	both := Options{ServerTakeover: true, ClientTakeover: true}
	small := Options{ServerTakeover: true, ClientTakeover: true, ServerBits: 10, ClientBits: 11}
	for _, row := range []struct {
		sentence string
		o        Options
		answer   string
		want     Params
		wrong    string // part of what is wrong
	}{
		{"all agreed to", Options{}, none, Params{false, false, 15, 15}, ""},
		{"no word on takeover", both, "permessage-deflate", Params{true, true, 15, 15}, ""},
		{"a server that refers to nothing of its own accord", both, "permessage-deflate; server_no_context_takeover", Params{false, true, 15, 15}, ""},
		{"a server that forbids the client to refer", both, "permessage-deflate;client_no_context_takeover", Params{true, false, 15, 15}, ""},
		{"a client that refers to nothing, which no answer need say", Options{ServerTakeover: true}, "permessage-deflate", Params{true, false, 15, 15}, ""},
		{"smaller windows than offered", small, "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9", Params{true, true, 8, 9}, ""},
		{"a quoted value", both, `permessage-deflate; client_max_window_bits="10"`, Params{true, true, 15, 10}, ""},
		{"the server's window, unasked", both, "permessage-deflate; server_max_window_bits=12", Params{true, true, 12, 15}, ""},
		{"another extension", both, "x-webkit-deflate-frame", Params{}, "x-webkit-deflate-frame was not offered"},
		{"the extension twice", both, "permessage-deflate, permessage-deflate", Params{}, "alone and once"},
		{"another one beside it", both, "permessage-deflate, bbf-usp-protocol", Params{}, "alone and once"},
		{"a parameter that does not exist", both, "permessage-deflate; level=9", Params{}, "level is no parameter"},
		{"a parameter twice", both, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", Params{}, "want it once"},
		{"a window of 7 bits", both, "permessage-deflate; server_max_window_bits=7", Params{}, `got "7", want 8 to 15`},
		{"a window of 16 bits", both, "permessage-deflate; client_max_window_bits=16", Params{}, `got "16", want 8 to 15`},
		{"a window with a leading zero", both, "permessage-deflate; client_max_window_bits=09", Params{}, `got "09", want 8 to 15`},
		{"a window without a value", both, "permessage-deflate; client_max_window_bits", Params{}, `got "", want 8 to 15`},
		{"a value where there is none", both, "permessage-deflate; server_no_context_takeover=true", Params{}, `got "true", want no value`},
		{"a server's window larger than offered", small, "permessage-deflate; server_max_window_bits=11", Params{}, "at most the 10"},
		{"a client's window larger than offered", small, "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12", Params{}, "at most the 11"},
		{"no word on the server's window, which was bounded", small, "permessage-deflate", Params{}, "server_max_window_bits was offered and is missing"},
		{"no word on the server's takeover, which was ruled out", Options{}, "permessage-deflate", Params{}, "server_no_context_takeover was offered and is missing"},
		{"no list", both, "permessage-deflate; =", Params{}, "want a list of extensions"},
		{"a quote that does not end", both, `permessage-deflate; client_max_window_bits="10`, Params{}, "want a list of extensions"},
	} {
		got, err := row.o.Agreed([]byte(row.answer))
		var wrong *AnswerError
		switch {
		case row.wrong != "":
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), row.wrong) {
				t.Errorf("%s: error %v, want one that says %q", row.sentence, err, row.wrong)
			}
		case err != nil || *got != row.want:
			t.Errorf("%s: got %+v (%v), want %+v", row.sentence, got, err, row.want)
		}
	}
	if got, err := both.Agreed([]byte(" ,")); got != nil || err != nil {
		t.Errorf("an empty list: got %v, %v, want that the server declined", got, err)
	}
}

func TestAServerTakesTheFirstOfferThatItCan(t *testing.T) {
	both := Options{ServerTakeover: true, ClientTakeover: true}
	for _, row := range []struct {
		sentence string
		o        Options
		offers   string
		want     string
	}{
		{"as browsers offer", both, "permessage-deflate; client_max_window_bits", "permessage-deflate"},
		{"a client that wants no takeover", both, none, none},
		{"a server that wants none", Options{}, "permessage-deflate", none},
		{"a bounded window of the server's", both, "permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"},
		{"the smaller of both bounds", Options{ServerTakeover: true, ClientTakeover: true, ServerBits: 10, ClientBits: 9},
			"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9"},
		{"a client whose window must not be bounded", Options{ServerTakeover: true, ClientTakeover: true, ClientBits: 9}, "permessage-deflate", "permessage-deflate"},
		{"the second, where the first is wrong", both, "permessage-deflate; server_max_window_bits=16, x, permessage-deflate; server_no_context_takeover",
			"permessage-deflate; server_no_context_takeover"},
		{"none that it knows", both, "x-webkit-deflate-frame", ""},
		{"no list", both, "permessage-deflate;;", ""},
		{"nothing", both, "", ""},
	} {
		answer, agreed := row.o.Accept([]byte(row.offers))
		if answer != row.want || (agreed == nil) != (row.want == "") {
			t.Errorf("%s: got %q, %+v, want %q", row.sentence, answer, agreed, row.want)
		}
	}
}

// FuzzNegotiation feeds any header to both sides. What a server accepts, a client
// that offered it takes.
func FuzzNegotiation(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits", true, true, uint8(0), uint8(0))
	f.Add(`permessage-deflate; server_max_window_bits="10", permessage-deflate`, false, true, uint8(9), uint8(12))
	f.Add("permessage-deflate;;=\x00\",", false, false, uint8(8), uint8(15))
	f.Fuzz(func(t *testing.T, header string, server, client bool, serverBits, clientBits uint8) {
		o := Options{server, client, serverBits, clientBits}
		if o.Check() != nil {
			return
		}
		for _, p := range []func() *Params{
			func() *Params { p, _ := o.Agreed([]byte(header)); return p },
			func() *Params { _, p := o.Accept([]byte(header)); return p },
		} {
			if p := p(); p != nil && Options(*p).Check() != nil {
				t.Fatalf("%q: agreed on %+v", header, *p)
			}
		}
		anyServer := Options{!server, !client, clientBits, serverBits}
		answer, agreed := anyServer.Accept([]byte(o.Offer()))
		got, err := o.Agreed([]byte(answer))
		if err != nil {
			t.Fatalf("a server answers %q with %q: %v", o.Offer(), answer, err)
		}
		if *got != *agreed {
			t.Fatalf("the client takes %q for %+v, the server meant %+v", answer, *got, *agreed)
		}
	})
}

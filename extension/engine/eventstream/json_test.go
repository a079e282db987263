package eventstream

import (
	"testing"

	"xk6-realtime/engine/handshake"
	"xk6-realtime/engine/wire"
)

// A stream is decoded before anything is looked for in it: half a character does not make JSON a text.
func TestBytesThatAreNotUTF8AreReplaced(t *testing.T) {
	for _, row := range []struct{ sentence, data, want string }{
		{"in a text of JSON", "{\"a\":\"b\xE2\x82\",\"n\":1}", `{"a":"b` + "\uFFFD" + `","n":1}`},
		{"each its own", "[\"\xFF\xFE\"]", "[\"\uFFFD\uFFFD\"]"},
		{"in a text", "b\xC3", "\"b\uFFFD\""},
		{"where JSON has none", "{\"a\":\xFF}", `"{\"a\":` + "\uFFFD" + `}"`},
	} {
		got, isUTF8 := appendJSON(nil, &Event{Type: message, Data: []byte(row.data)})
		if want := `{"event":"message","data":` + row.want + `}`; string(got) != want || isUTF8 {
			t.Errorf("%s: got %s, want %s", row.sentence, got, want)
		}
	}
}

func TestEventsThatAreNotUTF8AreCounted(t *testing.T) {
	for _, row := range []struct {
		sentence, stream string
		want             int64
	}{
		{"none", "event: é\nid: é\ndata: é\n\n", 0},
		{"in the data", "data: \xE9\n\ndata: b\n\ndata: \xE9\xE9\n\n", 2},
		{"in the type", "event: \xE9\ndata: b\n\n", 1},
		{"in the id", "id: \xE9\ndata: b\n\n", 1},
		{"in all", "event: \xE9\nid: \xE9\ndata: \xE9\n\n", 1},
		{"in what no event has", ": \xE9\nother: \xE9\ndata: b\n\n", 0},
	} {
		s, sh := &Stream{}, NewShared(Options{})
		s.begin(newBody(toTheEnd, 0), &handshake.Answer{})
		for b := []byte(row.stream); len(b) > 0; {
			_, _, n := s.Next(nil, sh, b, false, wire.Arrival{})
			b = b[n:]
		}
		if got := s.InvalidUTF8(); got != row.want {
			t.Errorf("%s: %d events, want %d", row.sentence, got, row.want)
		}
	}
}

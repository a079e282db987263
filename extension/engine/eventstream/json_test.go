package eventstream

import "testing"

// A stream is decoded before anything is looked for in it: half a character does not make JSON a text.
func TestBytesThatAreNotUTF8AreReplaced(t *testing.T) {
	for _, row := range []struct{ sentence, data, want string }{
		{"in a text of JSON", "{\"a\":\"b\xE2\x82\",\"n\":1}", `{"a":"b` + "\uFFFD" + `","n":1}`},
		{"each its own", "[\"\xFF\xFE\"]", "[\"\uFFFD\uFFFD\"]"},
		{"in a text", "b\xC3", "\"b\uFFFD\""},
		{"where JSON has none", "{\"a\":\xFF}", `"{\"a\":` + "\uFFFD" + `}"`},
	} {
		got := string(appendJSON(nil, &Event{Type: message, Data: []byte(row.data)}))
		if want := `{"event":"message","data":` + row.want + `}`; got != want {
			t.Errorf("%s: got %s, want %s", row.sentence, got, want)
		}
	}
}

package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// table is lib/protocols/codecs/fixtures.json, which the codecs in TypeScript
// run, too.
type table struct {
	Types    map[string]*Type // of every row's protobuf
	Messages []struct {
		Name  string
		Codec Spec
		Hex   string
		JSON  *string // null where the bytes are not of the format
	}
	Written []struct {
		Name       string
		Codec      Spec
		JSON       string
		Hex, Error string
	}
	Framings []struct {
		Framing, Hex string
		Messages     []string
		Rest, Need   int
		Broken       bool
	}
	Wrapped []struct{ Framing, Hex, Wrapped, Error string }
}

func load(t testing.TB) (f table) {
	t.Helper()
	b, err := os.ReadFile("../../../../lib/protocols/codecs/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Messages) == 0 || len(f.Written) == 0 || len(f.Framings) == 0 || len(f.Wrapped) == 0 {
		t.Fatal("the table is empty")
	}
	return f
}

func fromHex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s Spec) with(types map[string]*Type) *Spec {
	s.Types = types
	return &s
}

func codecOf(t testing.TB, s *Spec) Codec {
	t.Helper()
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// value reads JSON, numbers by their digits.
func value(t testing.TB, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestFixturesOfMessages(t *testing.T) {
	f := load(t)
	for _, row := range f.Messages {
		t.Run(row.Codec.Name+" "+row.Name, func(t *testing.T) {
			got, ok := codecOf(t, row.Codec.with(f.Types)).AppendJSON([]byte("before"), fromHex(t, row.Hex))
			switch {
			case ok != (row.JSON != nil):
				t.Errorf("got %s, %v", got, ok)
			case ok && !reflect.DeepEqual(value(t, got[6:]), value(t, []byte(*row.JSON))):
				t.Errorf("got %s, want %s", got[6:], *row.JSON)
			}
		})
	}
}

func TestFixturesOfWritten(t *testing.T) {
	f := load(t)
	for _, row := range f.Written {
		t.Run(row.Codec.Name+" "+row.Name, func(t *testing.T) {
			text := bytes.TrimSpace([]byte(row.JSON)) // as a template is
			got, err := codecOf(t, row.Codec.with(f.Types)).AppendMessage([]byte("before"), text)
			if said := errorText(err); said != row.Error || err == nil && hex.EncodeToString(got[6:]) != row.Hex {
				t.Errorf("got %x, %q; want %s, %q", got[6:], said, row.Hex, row.Error)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestFixturesOfFramings(t *testing.T) {
	for _, row := range load(t).Framings {
		framing, err := NewFraming(row.Framing)
		if err != nil {
			t.Fatal(err)
		}
		var found Found
		messages := []string{}
		rest := fromHex(t, row.Hex)
		for len(rest) > 0 {
			if found = framing.Find(rest); found.Next == 0 {
				break
			}
			messages = append(messages, hex.EncodeToString(rest[found.Start:found.End]))
			rest = rest[found.Next:]
		}
		if !reflect.DeepEqual(messages, row.Messages) || found.Broken != row.Broken ||
			!row.Broken && (len(rest) != row.Rest || found.Need != row.Need) {
			t.Errorf("%s %.40s: got %v, %d left, %+v; want %v, %d, %d", row.Framing, row.Hex, messages, len(rest), found, row.Messages, row.Rest, row.Need)
		}
	}
}

func TestFixturesOfWrapped(t *testing.T) {
	for _, row := range load(t).Wrapped {
		framing, err := NewFraming(row.Framing)
		if err != nil {
			t.Fatal(err)
		}
		got, err := framing.AppendFramed([]byte("before"), fromHex(t, row.Hex))
		if errorText(err) != row.Error || err == nil && hex.EncodeToString(got[6:]) != row.Wrapped {
			t.Errorf("%s %.40s: got %x, %v; want %s, %q", row.Framing, row.Hex, got[6:], err, row.Wrapped, row.Error)
		}
	}
}

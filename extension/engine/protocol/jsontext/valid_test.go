package jsontext

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzValid(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-2.5e+3,"x\u00e9",true,null,{}],"b":{}}`, ` [ ] `, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[1 2]`, `01`,
		`"`, `{`, `[`, `nul`, `-`, `{1:2}`, "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := Valid([]byte(text)), json.Valid([]byte(text)); got != want && strings.Count(text, "[")+strings.Count(text, "{") < MaxDepth {
			t.Fatalf("%q: %v, want %v", text, got, want)
		}
	})
}

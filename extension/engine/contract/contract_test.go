package contract

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// A value that is not a schema is refused, here and by the twin, by the place
// that one table names.
func TestSchemasThatAreNone(t *testing.T) {
	text, err := os.ReadFile("../../../lib/contract/refused.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		About, Draft, Schema string
		Place                *string
		Documents            map[string]any
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		_, err := Compile(&Spec{
			Draft: c.Draft, Documents: c.Documents, Kinds: []Kind{{Name: "m", Schema: c.Schema, From: Server}},
		})
		if c.Place == nil {
			if err != nil {
				t.Errorf("%s: %v", c.About, err)
			}
			continue
		}
		want := *c.Place + ": expected a JSON Schema of draft " + c.Draft + ", got an invalid one ("
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s…)", c.About, err, want)
		}
	}
}

// The reason is the validator's own.
func TestSchemasThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct{ document, schema, want string }{
		{
			`{"pattern": "\\cA"}`, "contract:///a.json#",
			"a.json#/pattern: expected a JSON Schema of draft 2020-12, got an invalid one " +
				"('\\\\cA' is not valid regex: error parsing regexp: invalid escape sequence: `\\c`)",
		},
		{
			`{"$ref": "none.json"}`, "contract:///a.json#",
			"m: expected a JSON Schema of draft 2020-12, got an invalid one " +
				`(failing loading "contract:///none.json": contract:///none.json is not one of the contract's documents, and nothing is fetched)`,
		},
	} {
		_, err := Parse([]byte(`{"draft": "2020-12", "documents": {"contract:///a.json": ` + c.document + `},
			"kinds": [{"name": "m", "schema": "` + c.schema + `", "from": "server", "marks": []}], "items": []}`))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.document, err, c.want)
		}
	}
}

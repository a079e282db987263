package contract

import "testing"

// A schema that is none is refused by its place and with the reason: no other
// validator has seen it before.
func TestSchemasThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct{ document, schema, want string }{
		{
			`{"properties": {"a/b": {"type": "strin"}}}`, "contract:///a.json#",
			"a.json#/properties/a~1b/type: expected a JSON Schema of draft 2020-12, got an invalid one " +
				"(value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string')",
		},
		{
			`{"messages": {"m": {"minLength": -1}}}`, "contract:///a.json#/messages/m",
			"a.json#/messages/m/minLength: expected a JSON Schema of draft 2020-12, got an invalid one (minimum: got -1, want 0)",
		},
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

package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Stringify writes a value as JavaScript's JSON.stringify does, but for the
// exponents of very large and very small numbers. What JSON cannot write is "nothing".
func Stringify(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "nothing"
	}
	return strings.TrimSuffix(out.String(), "\n")
}

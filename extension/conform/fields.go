package conform

import (
	"bytes"

	"golang.org/x/net/http2/hpack"
)

// fieldBlock encodes fields for the HEADERS of one connection.
type fieldBlock struct {
	encoded bytes.Buffer
	encoder *hpack.Encoder
}

// of is the block of some fields. It is valid until the next call.
func (b *fieldBlock) of(fields []hpack.HeaderField) []byte {
	if b.encoder == nil {
		b.encoder = hpack.NewEncoder(&b.encoded)
	}
	b.encoded.Reset()
	for _, f := range fields {
		b.encoder.WriteField(f)
	}
	return b.encoded.Bytes()
}

// fieldOf is the value of the first field of that name, "" for none.
func fieldOf(fields []hpack.HeaderField, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// fieldsOf are the values of all fields of that name.
func fieldsOf(fields []hpack.HeaderField, name string) (values []string) {
	for _, f := range fields {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	return values
}

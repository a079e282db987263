package codec

// Type is a message or an enumeration of a schema of Protocol Buffers.
type Type struct {
	Fields map[string]*Field `json:"fields"`
	Values map[string]int32  `json:"values"`
}

// Field is a field of a message.
type Field struct {
	ID   uint32 `json:"id"`
	Type string `json:"type"`
}

package protocol

// Shape is what to find in a kind of messages: values at places, and whether
// conditions hold. It is the part of a descriptor that readers need for which no
// conversation exists.
type Shape struct {
	message    tree
	places     []locator
	conditions []condition
}

// CompileShape compiles JSON Pointers, and conditions.
func CompileShape(places []string, conditions []ConditionSpec) (*Shape, error) {
	s := &Shape{message: newTree()}
	c := compiler{p: &Protocol{}, tree: &s.message, now: &wire{}}
	for _, pointer := range places {
		s.places = append(s.places, c.locator(pointer, &pointer, &condition{}))
	}
	for _, spec := range conditions {
		s.conditions = append(s.conditions, c.condition("condition", &spec))
	}
	if c.err != nil {
		return nil, c.err
	}
	collect(&s.message.root)
	return s, nil
}

// ShapeReader reads one message at a time, without allocating.
type ShapeReader struct {
	shape  *Shape
	reader reader
}

// NewReader makes a reader, for one goroutine.
func (s *Shape) NewReader() *ShapeReader {
	r := &ShapeReader{shape: s}
	r.reader.scanner.spans = make([]span, s.message.slots)
	r.reader.root = &s.message.root
	return r
}

// Load takes the next message. Values read from it are good until the next Load.
func (r *ShapeReader) Load(message []byte, binary bool) { r.reader.load(message, binary) }

// Text is the string at a place, by its number in the Shape; nil where there is
// no string.
func (r *ShapeReader) Text(place int) []byte {
	r.reader.groups, r.reader.from = nil, 0
	if s := r.reader.found(r.shape.places[place]); s.kind == '"' {
		return r.reader.unquote(s)
	}
	return nil
}

// Whole is the whole number at a place that is 0 or more; ok is false where there
// is none.
func (r *ShapeReader) Whole(place int) (n int64, ok bool) {
	r.reader.groups, r.reader.from = nil, 0
	s := r.reader.sequence(r.shape.places[place])
	return s.Number, s.Whole() && s.Number >= 0
}

// Holds tells whether the message is as a condition says, by its number in the
// Shape.
func (r *ShapeReader) Holds(condition int) bool {
	return r.reader.matches(&r.shape.conditions[condition])
}

package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Spec is a contract as lib/contract/load.ts made it: references are resolved,
// and what is hostile is refused.
type Spec struct {
	Draft     string         `json:"draft"`
	Documents map[string]any `json:"documents"`
	Kinds     []Kind         `json:"kinds"`
	Items     []Item         `json:"items"`
	// ChecksSent says that what this side sends is checked, too.
	ChecksSent bool `json:"checksSent"`
	// KeepsExamples says that the first valid message of each kind is kept.
	KeepsExamples bool `json:"keepsExamples"`
}

// Kind is one kind of message.
type Kind struct {
	Name   string   `json:"name"`
	Schema string   `json:"schema"` // the absolute location of its schema
	From   Sender   `json:"from"`
	Marks  []Mark   `json:"marks"`
	Role   string   `json:"role"`
	First  bool     `json:"first"`
	Once   bool     `json:"once"`
	After  []string `json:"after"`
}

// Sender is who sends messages of a kind.
type Sender string

// The senders.
const (
	Server Sender = "server"
	Client Sender = "client"
	Both   Sender = "both"
)

// Mark is a member whose value tells a kind from others.
type Mark struct {
	At     string `json:"at"` // JSON Pointer
	Values []any  `json:"values"`
}

// Item is a field, or a value of an enum, of which a run says whether it was
// ever seen.
type Item struct {
	At   string `json:"at"` // the absolute location of its schema, or of the value
	Name string `json:"name"`
}

// Contract is a Spec, compiled for all connections of a process.
type Contract struct {
	Kinds         []Kind
	Items         []Item
	ChecksSent    bool
	KeepsExamples bool

	documents map[string]any
	schemas   []*jsonschema.Schema
	accept    []*node
	marks     recogniser
	items     map[string]int // by location
	nodes     map[*jsonschema.Schema]*node
	ordered   []ordering
}

var drafts = map[string]*jsonschema.Draft{
	"7": jsonschema.Draft7, "2019-09": jsonschema.Draft2019, "2020-12": jsonschema.Draft2020,
}

// noLoader loads nothing: all documents are given.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not one of the contract's documents, and nothing is fetched", url)
}

// codePoint is how JavaScript writes a character by its number.
var codePoint = regexp.MustCompile(`\\(?:\\|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\})`)

// asRE2 writes a pattern of JavaScript as RE2 has it.
func asRE2(source string) string {
	return codePoint.ReplaceAllStringFunc(source, func(escape string) string {
		digits := codePoint.FindStringSubmatch(escape)
		if number := digits[1] + digits[2]; number != "" {
			return `\x{` + number + `}`
		}
		return escape
	})
}

// Parse reads a Spec from JSON and compiles it.
func Parse(text []byte) (*Contract, error) {
	var spec Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	return Compile(&spec)
}

// Compile compiles a Spec.
func Compile(spec *Spec) (*Contract, error) {
	draft := drafts[spec.Draft]
	if draft == nil {
		return nil, fmt.Errorf("contract: draft: want 7, 2019-09 or 2020-12, got %q", spec.Draft)
	}
	if len(spec.Kinds) == 0 {
		return nil, errors.New("contract: want kinds of message, got none")
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(draft)
	compiler.UseLoader(noLoader{})
	compiler.AssertFormat()
	compiler.UseRegexpEngine(func(source string) (jsonschema.Regexp, error) { return regexp.Compile(asRE2(source)) })
	for uri, document := range spec.Documents {
		if err := compiler.AddResource(uri, document); err != nil {
			return nil, fmt.Errorf("contract: %w", err)
		}
	}
	c := &Contract{
		Kinds: spec.Kinds, Items: spec.Items, ChecksSent: spec.ChecksSent, KeepsExamples: spec.KeepsExamples,
		documents: spec.Documents, items: map[string]int{}, nodes: map[*jsonschema.Schema]*node{},
	}
	for i, item := range spec.Items {
		c.items[item.At] = i
	}
	for _, kind := range spec.Kinds {
		schema, err := compiler.Compile(uriOf(kind.Schema))
		if err != nil {
			return nil, unusable(spec.Draft, kind.Name, err)
		}
		c.schemas = append(c.schemas, schema)
		c.accept = append(c.accept, c.node(schema))
	}
	c.finish()
	c.marks = newRecogniser(spec.Kinds)
	var err error
	c.ordered, err = orderings(spec.Kinds)
	return c, err
}

// root is where a contract's documents are, as lib/contract/refs.ts has it.
const root = "contract:///"

// unusable says why the schema of a kind cannot be compiled, as
// lib/contract/validator.ts does.
func unusable(draft, kind string, err error) error {
	at, why := kind, err.Error()
	var schema *jsonschema.SchemaValidationError
	var failure *jsonschema.ValidationError
	if errors.As(err, &schema) && errors.As(schema.Err, &failure) {
		for len(failure.Causes) > 0 {
			failure = failure.Causes[0]
		}
		at = strings.TrimPrefix(locationOf(schema.URL), root)
		for _, token := range failure.InstanceLocation {
			at += "/" + escape(token)
		}
		if _, reason, found := strings.Cut(failure.Error(), "': "); found {
			why = reason
		}
	}
	return fmt.Errorf("%s: expected a JSON Schema of draft %s, got an invalid one (%s)", at, draft, why)
}

// uriOf is a location with its pointer encoded.
func uriOf(at string) string {
	document, pointer, _ := strings.Cut(at, "#")
	return document + "#" + (&url.URL{Fragment: pointer}).EscapedFragment()
}

// locationOf is the reverse.
func locationOf(uri string) string {
	document, fragment, _ := strings.Cut(uri, "#")
	if pointer, err := url.PathUnescape(fragment); err == nil {
		fragment = pointer
	}
	return document + "#" + fragment
}

// keyword is the value that stands at a location.
func (c *Contract) keyword(at string) any {
	document, pointer, _ := strings.Cut(at, "#")
	return valueAt(c.documents[document], tokens(pointer))
}

func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(pointer[1:], "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts
}

func escape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

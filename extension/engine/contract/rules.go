package contract

// Rule is what a message breaks: a keyword of JSON Schema, or one of our own.
type Rule uint8

// Rules are the names of all, in the order of RULES in lib/contract/contract.ts.
var Rules = []string{
	"not_json", "unknown_kind", "wrong_time", "wrong_sender", "too_deep",
	"type", "const", "enum", "format", "required", "additionalProperties", "unevaluatedProperties", "propertyNames",
	"minProperties", "maxProperties", "dependencies", "dependentRequired", "minLength", "maxLength", "pattern",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "items",
	"additionalItems", "unevaluatedItems", "uniqueItems", "contains", "anyOf", "oneOf", "not", "false",
}

// Rules that are not keywords.
const (
	NotJSON Rule = iota
	UnknownKind
	WrongTime
	WrongSender
	TooDeep
)

func (r Rule) String() string { return Rules[r] }

var ruleNumbers = func() map[string]Rule {
	numbers := map[string]Rule{}
	for i, name := range Rules {
		numbers[name] = Rule(i)
	}
	return numbers
}()

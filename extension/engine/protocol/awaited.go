package protocol

import (
	"strings"

	"xk6-realtime/engine/protocol/jsontext"
)

const mostAwaited = 60 // characters

// describeAwaited describes the message of a condition as the descriptor has it,
// variables unfilled: `message with /type "subscribed"`. Bounded. Its twin is
// lib/protocols/awaited.ts.
func describeAwaited(s *ConditionSpec) string {
	words := []string{"message"}
	if s.Text != nil {
		words = append(words, jsontext.Stringify(*s.Text))
	}
	if s.Regex != nil {
		words = append(words, "matching /"+*s.Regex+"/")
	}
	var fields []string
	for _, pointer := range sortedKeys(s.Where) {
		name := pointer
		if name == "" {
			name = `""`
		}
		fields = append(fields, name+" "+describeWanted(s.Where[pointer]))
	}
	if len(fields) > 0 {
		words = append(words, "with "+strings.Join(fields, ", "))
	}
	all := []rune(strings.Join(words, " "))
	if len(all) <= mostAwaited {
		return string(all)
	}
	return string(all[:mostAwaited-1]) + "…"
}

func describeWanted(wanted any) string {
	if presence, ok := wanted.(map[string]any); ok {
		if exists, _ := presence["exists"].(bool); exists {
			return "present"
		}
		return "absent"
	}
	return jsontext.Stringify(wanted)
}

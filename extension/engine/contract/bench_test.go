package contract

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// orders is a contract of three kinds, of which one is large.
const orders = `{"draft": "2020-12", "documents": {"contract:///orders.json": {"messages": {
	"welcome": {"type": "object", "required": ["type", "id"], "properties": {"type": {"const": "welcome"}, "id": {"type": "string"}}},
	"tick": {"type": "object", "required": ["type", "price"], "properties": {"type": {"const": "tick"}, "price": {"type": "number"}}},
	"orders": {"type": "object", "required": ["type", "id", "at", "items"], "additionalProperties": false, "properties": {
		"type": {"const": "orders"}, "id": {"type": "integer", "minimum": 1}, "at": {"type": "string", "format": "date-time"},
		"room": {"type": "string", "maxLength": 64},
		"items": {"type": "array", "maxItems": 100, "items": {"$ref": "contract:///orders.json#/$defs/item"}}}}},
	"$defs": {"item": {"type": "object", "required": ["sku", "qty", "price", "state"], "additionalProperties": false, "properties": {
		"sku": {"type": "string", "minLength": 3}, "qty": {"type": "integer", "minimum": 1, "maximum": 1000},
		"price": {"type": "number", "exclusiveMinimum": 0}, "state": {"enum": ["open", "filled", "cancelled"]},
		"note": {"type": ["string", "null"]}}}}}},
	"kinds": [
		{"name": "welcome", "schema": "contract:///orders.json#/messages/welcome", "from": "server", "marks": [{"at": "/type", "values": ["welcome"]}]},
		{"name": "tick", "schema": "contract:///orders.json#/messages/tick", "from": "server", "marks": [{"at": "/type", "values": ["tick"]}]},
		{"name": "orders", "schema": "contract:///orders.json#/messages/orders", "from": "server", "marks": [{"at": "/type", "values": ["orders"]}]}]}`

// kilobyte is a message of orders.
func kilobyte() []byte {
	var items []string
	for i := range 13 {
		items = append(items, fmt.Sprintf(`{"sku":"SKU-%04d","qty":%d,"price":%d.25,"state":"filled","note":null}`, i, i+1, 100+i))
	}
	return []byte(`{"type":"orders","id":4711,"at":"2026-11-30T15:00:00Z","room":"lobby","items":[` + strings.Join(items, ",") + `]}`)
}

// One message of 1 KB: what an engine's loop spends on it.
func BenchmarkCheck(b *testing.B) {
	c, err := Parse([]byte(orders))
	if err != nil {
		b.Fatal(err)
	}
	message := kilobyte()
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	k, s := c.NewChecker(c.NewRecord()), &Session{}
	for b.Loop() {
		k.Check(s, message, true, "", Server)
	}
	if n := k.record.Messages[2]; n == 0 || len(k.record.findings) > 0 {
		b.Fatalf("%d messages, %v", n, k.record.findings)
	}
}

// The same message by the validator alone: what it would cost without the
// acceptor, and costs where that is not sure.
func BenchmarkValidator(b *testing.B) {
	c, err := Parse([]byte(orders))
	if err != nil {
		b.Fatal(err)
	}
	message := kilobyte()
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		var value any
		if err := json.Unmarshal(message, &value); err != nil {
			b.Fatal(err)
		}
		if err := c.schemas[2].Validate(value); err != nil {
			b.Fatal(err)
		}
	}
}

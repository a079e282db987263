package contract

import (
	"testing"

	"xk6-realtime/engine/clock"
)

func TestWhatIsMoreThanMayBeAskedIsLeftOutAndCounted(t *testing.T) {
	c, err := Parse([]byte(orders))
	if err != nil {
		t.Fatal(err)
	}
	record := c.NewRecord()
	k, s := c.NewChecker(record), &Session{}
	wrong := []byte(`{"type":"tick","price":"1"}`)
	k.slow = budget{used: budgetBurst + 1e9, since: clock.Now()}
	k.Check(s, wrong, true, "", Server)
	k.Check(s, []byte(`{"type":"tick","price":1}`), true, "", Server)
	if record.Unchecked != 1 || record.Messages[1] != 1 || len(record.findings) != 0 {
		t.Errorf("%d unchecked, %d valid, %d findings: want 1, 1, 0", record.Unchecked, record.Messages[1], len(record.findings))
	}
	k.slow = budget{}
	k.Check(s, wrong, true, "", Server)
	if record.Unchecked != 1 || record.Messages[1] != 2 || len(record.findings) != 1 {
		t.Errorf("%d unchecked, %d of the kind, %d findings: want 1, 2, 1", record.Unchecked, record.Messages[1], len(record.findings))
	}
}

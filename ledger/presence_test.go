package ledger

import (
	"fmt"
	"testing"
	"time"
)

// A hundred static members keep their slots when they have left, those that began last.
func TestFreeSlotOfMany(t *testing.T) {
	began := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	var all []Worker
	for i := range namesKept {
		if got := FreeSlot(all, "new"); got != i {
			t.Fatalf("behind %d static members that have left the slot %d is free, want %d", i, got, i)
		}
		all = append(all, Worker{Slot: i, Sign: "s", Instance: fmt.Sprint(i), Over: Left, Since: began.Add(time.Duration(7*i%namesKept) * time.Second)})
	}
	if got := FreeSlot(all, "new"); got != namesKept {
		t.Errorf("slot %d is free, want %d", got, namesKept)
	}
	all = append(all, Worker{Slot: namesKept, Sign: "s", Instance: "last", Over: Left, Since: began.Add(time.Hour)})
	if got := FreeSlot(all, "new"); got != 0 {
		t.Errorf("slot %d is free, want 0, of the one that began first", got)
	}
	if got := FreeSlot(all, "42"); got != 42 {
		t.Errorf("instance 42 gets slot %d", got)
	}
}

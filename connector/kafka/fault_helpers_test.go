package kafka

import (
	"errors"
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
)

func wantFault(t *testing.T, err error, code string) *fencepost.UserError {
	t.Helper()
	var f *fencepost.UserError
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a fault %s", err, code)
	}
	if f.Code != code {
		t.Fatalf("code is %s (%v), want %s", f.Code, f, code)
	}
	if codes.Remedy(f) == "" && code != "source-closed" {
		t.Errorf("%s has no remedy", code)
	}
	return f
}

func wantCount(h *holder, n int) error {
	if got := h.count(); got != n {
		return fmt.Errorf("holds %d partitions, want %d: %v", got, n, h.log())
	}
	return nil
}

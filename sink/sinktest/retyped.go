package sinktest

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// Retyped demands that a sink which refuses a column for its type tells the statement want that gives the table's column another type, and
// takes the column once exec has run it. columns asks the sink.
func Retyped(t *testing.T, want string, exec func(statement string), columns func() error) {
	t.Helper()
	look := func() (fault *fencepost.UserError) {
		errors.As(columns(), &fault)
		return fault
	}
	statement, _, _ := strings.Cut(look().Help, "   ")
	if statement != want {
		t.Fatalf("the help begins with %q, want %q", statement, want)
	}
	exec(statement)
	if fault := look(); fault != nil {
		t.Errorf("after it: %v", fault)
	}
}

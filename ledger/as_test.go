package ledger_test

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// plain is a ledger without abilities, findable one that can be looked for, wrapped one around another.
type (
	plain    struct{ ledger.Ledger }
	findable struct{ plain }
	wrapped  struct {
		plain
		inner ledger.Ledger
	}
)

func (findable) Exists(context.Context, fencepost.Group) (bool, error) { return true, nil }

func (w wrapped) Unwrap() ledger.Ledger { return w.inner }

// As finds an ability through wrappers that do not have it, and none where no ledger has it.
func TestAs(t *testing.T) {
	for what, c := range map[string]struct {
		in   ledger.Ledger
		want bool
	}{
		"its own":              {findable{}, true},
		"behind one":           {wrapped{inner: findable{}}, true},
		"behind two":           {wrapped{inner: wrapped{inner: findable{}}}, true},
		"nobody's":             {plain{}, false},
		"nobody's, behind two": {wrapped{inner: wrapped{inner: plain{}}}, false},
		"behind nothing":       {wrapped{}, false},
		"of nothing":           {nil, false},
	} {
		f, ok := ledger.As[ledger.Finder](c.in)
		if ok != c.want || ok != (f != nil) {
			t.Errorf("%s: got %v, %t, want %t", what, f, ok, c.want)
		}
	}
}

//go:build unix

package sqlite

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// E8: the driver passes a value's length to SQLite in 32 bits with a sign, and SQLite takes a negative one for "up to the first
// zero byte". A value beyond what SQLite stores is refused with its column's name; nothing of it is copied.
func TestE8ValueBeyondWhatSQLiteStores(t *testing.T) {
	memory, err := syscall.Mmap(-1, 0, 1<<32, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		t.Fatalf("4 GiB of address space, of which a page is used: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(memory) })
	tp := topic(1)[0]
	for _, kind := range []fencepost.Type{fencepost.Text, fencepost.Bytes} {
		for _, size := range []int{1_000_000_001, 1 << 31, 1<<32 - 1} {
			s, l := fresh(t, Config{Table: "things"}, "CREATE TABLE things (v)")
			b := one(begin(t, s, tp), "", 0)
			c := fencepost.Column{Name: "v", Type: kind}
			c.Extend(func([]byte) []byte { return memory[:size] })
			b.Columns = []fencepost.Column{c}
			r, ok := errors.AsType[*sink.Rejected](l.Commit(t.Context(), writer, b))
			if !ok || r.Code != "SQLITE_TOOBIG" || !strings.Contains(r.Reason, "column v") {
				t.Errorf("%s of %d bytes: got %v, want SQLITE_TOOBIG for column v", kind, size, r)
			}
		}
	}
}

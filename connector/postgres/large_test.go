//go:build unix

package postgres

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// E8: the length of a value is 32 bits with a sign in COPY, and its highest is null's. A value beyond what Postgres stores
// is refused with its column's name; nothing of it is copied.
func TestE8ValueBeyondWhatPostgresStores(t *testing.T) {
	memory, err := syscall.Mmap(-1, 0, 1<<32, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		t.Fatalf("4 GiB of address space, of which a page is used: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(memory) })
	for _, k := range []kind{kindBytes, kindJSONB} {
		for _, size := range []int{1 << 30, 1 << 31, 1<<32 - 1} {
			b, fields := someBatch(3)
			b.Columns[0] = fencepost.Column{Name: "v", Type: fencepost.Text}
			for range 3 {
				b.Columns[0].Extend(func([]byte) []byte { return memory[:size] })
			}
			for i := range fields {
				if fields[i].Name == "v" {
					fields[i].Kind = k
				}
			}
			_, err := io.Copy(io.Discard, newEncoder(fields, b, nil))
			r, ok := errors.AsType[*sink.Rejected](err)
			if !ok || r.Code != "54000" || !strings.Contains(r.Reason, "column v") {
				t.Errorf("kind %d, %d bytes: got %v, want 54000 for column v", k, size, err)
			}
		}
	}
}

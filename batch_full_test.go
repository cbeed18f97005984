//go:build unix

package fencepost

import (
	"strings"
	"syscall"
	"testing"
)

// E8: a column whose values reach 4 GiB stops the program before one reads back as another. Up to there it holds them.
func TestE8ColumnIsFull(t *testing.T) {
	const room = 1<<32 + 64
	memory, err := syscall.Mmap(-1, 0, room, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		t.Fatalf("4 GiB of address space, of which two pages are used: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(memory) })
	for what, add := range map[string]func(*Column){
		"AppendText":  func(c *Column) { c.AppendText("yz") },
		"AppendBytes": func(c *Column) { c.AppendBytes([]byte("yz")) },
		"Extend":      func(c *Column) { c.Extend(func(data []byte) []byte { return append(data, "yz"...) }) },
	} {
		t.Run(what, func(t *testing.T) {
			c := Column{Name: "body", Type: Text, data: memory[:1<<32-3]}
			add(&c)
			if got := c.ends[0]; got != 1<<32-1 {
				t.Errorf("the last byte that fits: ends at %d, want %d", got, uint32(1<<32-1))
			}
			c.AppendNull()
			said := func() (said any) {
				defer func() { said = recover() }()
				add(&c)
				return nil
			}()
			if text, _ := said.(string); !strings.Contains(text, "law broken") || !strings.Contains(text, "column body") {
				t.Errorf("a byte more: said %v, want a broken law that names the column", said)
			}
		})
	}
}

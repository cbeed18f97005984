package servers

import (
	"net"
	"sync"
	"testing"
)

func TestAddressesDiffer(t *testing.T) {
	const each = 10
	var mu sync.Mutex
	seen := map[string]bool{}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range each {
				host, err := nextAddress()
				mu.Lock()
				if err != nil || seen[host] || !net.ParseIP(host).IsLoopback() {
					t.Errorf("nextAddress() = %q, %v, want a new loopback address", host, err)
				}
				seen[host] = true
				mu.Unlock()
			}
		})
	}
	workers.Wait()
}

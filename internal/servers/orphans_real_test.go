//go:build realservers

package servers

import (
	"context"
	"syscall"
	"testing"
)

// After the death of a postmaster alone, its children hold the segment of its
// data directory, and the next start is refused until they have gone.
func TestPostgresStartsAgainWhenItsOrphansHaveGone(t *testing.T) {
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	server, err := k.newPostgres(Address(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.discard(); err != nil {
			t.Error(err)
		}
	})
	if err := server.start(t.Context()); err != nil {
		t.Fatal(err)
	}

	orphans := childrenOf(server.life.pid)
	all := func(s syscall.Signal) {
		for _, pid := range orphans {
			if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
				t.Errorf("send %v to %d: %v", s, pid, err)
			}
		}
	}
	all(syscall.SIGSTOP) // they do not notice the death
	if err := server.life.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-server.life.done

	refused := 0
	passing := server.passing
	server.passing = func(log []byte) bool {
		refused++
		all(syscall.SIGCONT)
		return passing(log)
	}
	if err := server.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if refused == 0 {
		t.Error("the first start succeeded beside the orphans: this test shows nothing")
	}
}

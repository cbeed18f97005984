package kafka

import (
	"errors"
	"net"
	"testing"

	"github.com/fencepost/fencepost"
)

// A broker that goes down hangs up on a client that connects meanwhile, just as one does that requires a user. A source that
// has connected once gets no error about access: it waits.
func TestHangUpAfterJoiningPasses(t *testing.T) {
	c := fake(t)
	b := newBench(t, c.ListenAddrs())
	name := b.topic(1)
	h := &holder{}
	s, err := Open(Config{Brokers: b.addrs, Group: fencepost.Group(unique(t)), Topics: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave(t.Context()) // without an heir
	if err := s.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	newReader(t, s).poll(longest, func() bool { return h.count() == 1 && s.everJoined() })
	c.Close()
	hangUp(t, b.addrs[0])
	_, err = s.CommittedOffsets(t.Context(), s.cfg.Group)
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || !f.Passing || f.Code != "broker-silent" {
		t.Errorf("got %v, want the passing fault broker-silent", err)
	}
}

// hangUp accepts connections and closes them.
func hangUp(t *testing.T, address string) {
	t.Helper()
	var l net.Listener
	eventually(t, "the address is free", func() (err error) { l, err = net.Listen("tcp", address); return err })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

package kafka

import (
	"net"
	"sync"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kfake"
)

// TestADeadBrokerOfTheListCostsNothing: while one of the configured brokers is down, questions that are asked side by side are all
// answered. The client tries a refused question again only at another broker, and its turns go round among all questions.
func TestADeadBrokerOfTheListCostsNothing(t *testing.T) {
	t.Parallel()
	alive := fake(t, kfake.SeedTopics(1, "t")).ListenAddrs()[0]
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := gone.Addr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		s, err := Open(Config{Brokers: []string{alive, dead}, Group: "g", Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				if _, err := s.Members(t.Context()); err != nil {
					t.Errorf("members: %v", err)
				}
				if _, err := s.Describe(t.Context()); err != nil {
					t.Errorf("describe: %v", err)
				}
				if _, err := s.CommittedOffsets(t.Context(), fencepost.Group("g")); err != nil {
					t.Errorf("committed offsets: %v", err)
				}
			})
		}
		asking.Wait()
		if err := s.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

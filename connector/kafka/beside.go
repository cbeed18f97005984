package kafka

import (
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// beside is clients with connections of their own. A broker answers the requests of one connection one after the other, and a question
// about thousands of partitions takes it long: asked beside each other, three of them take about as long as one, where it has the cores.
type beside struct {
	sync.Mutex
	clients map[question]*kgo.Client // made when they are needed
	closed  bool
}

// manyAsks is how many partitions a question to one broker is about before it is worth a connection.
const manyAsks = 1000

// asker returns the client that asks a broker a question about n partitions.
func (s *Source) asker(q question, n int) (*kgo.Client, error) {
	if n < manyAsks || q != stable && q != end {
		return s.client, nil
	}
	s.beside.Lock()
	defer s.beside.Unlock()
	if c := s.beside.clients[q]; c != nil {
		return c, nil
	}
	if s.beside.closed {
		return nil, kgo.ErrClientClosed
	}
	c, err := kgo.NewClient(s.cfg.connection()...)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	if s.beside.clients == nil {
		s.beside.clients = map[question]*kgo.Client{}
	}
	s.beside.clients[q] = c
	return c, nil
}

func (b *beside) close() {
	b.Lock()
	defer b.Unlock()
	b.closed = true
	for _, c := range b.clients {
		c.Close()
	}
	b.clients = nil
}

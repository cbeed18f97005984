package kafka

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
)

// Topics is a source of some topics, by name, with every other setting of Config as it is by itself, so that a program
// names its source in one expression. What is wrong with it is the error of the engine that takes it.
func Topics(brokers []string, group fencepost.Group, topics ...string) source.Source {
	s, err := Open(Config{Brokers: brokers, Group: group, Topics: topics})
	if err != nil {
		return invalid{err: err}
	}
	return s
}

// invalid is a source that could not be made. The engine asks it for the reason, and calls nothing else.
type invalid struct {
	source.Source
	err error
}

// Invalid is why.
func (s invalid) Invalid() error { return s.err }

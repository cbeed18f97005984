package chaos

import (
	"fmt"
	"time"
)

// Kind is what is done to the world.
type Kind uint8

// The kinds of faults. A worker, a wire and a broker are Target of their Fault; how long it lasts is For.
const (
	KindUnset Kind = iota

	Kill  // SIGKILL to a worker; another life begins there when it is over
	Stop  // SIGSTOP to a worker, SIGCONT when it is over
	Scale // Amount workers, and as many as before when it is over
	Roll  // SIGTERM to one worker after the other, each followed by its next life

	CutWire    // the wire between a worker and the store closes each connection at the Amount-th byte of an answer
	DelayWire  // answers of the store come up to Amount milliseconds late
	DripWire   // at most Amount bytes at a time, both ways
	HangWire   // nothing passes, and nothing is lost
	MuteWire   // the store does what it is asked, and its answers are lost
	RefuseWire // no connection
	CutOff     // nothing passes between one worker and everything else, the store and all brokers; nothing is lost

	Terminate   // the store ends the sessions of all workers
	StopStore   // an orderly stop, and a start when it is over
	QuitStore   // a stop without an orderly end, as `pg_ctl stop -m immediate`
	KillStore   // SIGKILL to the whole server
	FreezeStore // SIGSTOP to the whole server
	LockStore   // another client holds what commits need
	FillStore   // the store's disk is full: nothing that needs more space is written

	KillBroker   // SIGKILL to one broker
	StopBroker   // an orderly stop of one
	FreezeBroker // SIGSTOP to one
	KillBrokers  // SIGKILL to all
	MoveLeaders  // each partition is led by another replica
	CutBroker    // the wire in front of a broker closes each connection at the Amount-th byte of an answer
	HangBroker   // nothing passes there, and nothing is lost
	DelayBroker  // its answers come up to Amount milliseconds late

	Rewind        // an operator moves all positions Amount records back, while workers run
	Skip          // an operator moves all positions Amount records forward, which are never applied
	AddPartitions // the topic gets Amount partitions more
)

// trait is what a schedule knows of a kind.
type trait struct {
	name     string
	subject  subject       // what nothing else is done to meanwhile
	min, max time.Duration // how long it lasts; zero: it is over at once
	most     int           // Amount is 1 to this; zero: it has none
}

// subject is what a fault is done to.
type subject uint8

const (
	worker subject = iota
	workers
	wires
	island // a worker, its wire, and the way of all to the brokers
	store
	broker
	brokers
	operator
)

const ms = time.Millisecond

var traits = map[Kind]trait{
	Kill:          {"kill -9", worker, 0, 3000 * ms, 0},
	Stop:          {"stop (SIGSTOP)", worker, 300 * ms, 9000 * ms, 0},
	Scale:         {"scale", workers, 3000 * ms, 8000 * ms, 0}, // Amount is of the terrain
	Roll:          {"rolling restart", workers, 0, 0, 0},
	CutWire:       {"cut the store's answers at a byte", wires, 500 * ms, 3000 * ms, 4000},
	DelayWire:     {"delay the store's answers", wires, 1000 * ms, 6000 * ms, 2000},
	DripWire:      {"drip to the store", wires, 1000 * ms, 4000 * ms, 200},
	HangWire:      {"hang to the store", wires, 500 * ms, 8000 * ms, 0},
	MuteWire:      {"lose the store's answers", wires, 500 * ms, 4000 * ms, 0},
	RefuseWire:    {"refuse the way to the store", wires, 500 * ms, 4000 * ms, 0},
	CutOff:        {"cut off from everything", island, 500 * ms, 9000 * ms, 0},
	Terminate:     {"end the store's sessions", store, 0, 0, 0},
	StopStore:     {"restart the store in order", store, 0, 2000 * ms, 0},
	QuitStore:     {"restart the store at once", store, 0, 2000 * ms, 0},
	KillStore:     {"kill -9 the store", store, 0, 3000 * ms, 0},
	FreezeStore:   {"freeze the store", store, 300 * ms, 6000 * ms, 0},
	LockStore:     {"hold the store's lock", store, 300 * ms, 4000 * ms, 0},
	FillStore:     {"fill the store's disk", store, 500 * ms, 4000 * ms, 0},
	KillBroker:    {"kill -9 broker", broker, 0, 4000 * ms, 0},
	StopBroker:    {"restart broker in order", broker, 0, 2000 * ms, 0},
	FreezeBroker:  {"freeze broker", broker, 300 * ms, 6000 * ms, 0},
	KillBrokers:   {"kill -9 all brokers", brokers, 500 * ms, 8000 * ms, 0},
	MoveLeaders:   {"move the leaders", brokers, 0, 0, 0},
	CutBroker:     {"cut the answers at a byte of broker", broker, 500 * ms, 3000 * ms, 20000},
	HangBroker:    {"hang to broker", broker, 500 * ms, 6000 * ms, 0},
	DelayBroker:   {"delay the answers of broker", broker, 1000 * ms, 5000 * ms, 1000},
	Rewind:        {"rewind", operator, 0, 0, 400},
	Skip:          {"skip", operator, 0, 0, 40},
	AddPartitions: {"add partitions", operator, 0, 0, 3},
}

// String is what a history calls it.
func (k Kind) String() string { return traits[k].name }

// Fault is one thing that is done to the world.
type Fault struct {
	At     time.Duration // since the beginning of the run
	For    time.Duration // until it is undone; zero: at once, or there is nothing to undo
	Kind   Kind
	Target int // worker, the worker at the end of a wire, or broker, from 0; else 0
	Amount int // workers, bytes, milliseconds, records or partitions, by the Kind; else 0
}

// String says what is done, to whom, how much of it, and how long.
func (f Fault) String() string {
	text := f.Kind.String()
	switch traits[f.Kind].subject {
	case worker, wires, island:
		text += fmt.Sprintf(", worker %d", f.Target)
	case broker:
		text += fmt.Sprintf(" %d", f.Target)
	}
	if f.Amount > 0 {
		text += fmt.Sprintf(", %d", f.Amount)
	}
	if f.For > 0 {
		text += fmt.Sprintf(", for %s", f.For.Round(ms))
	}
	return text
}

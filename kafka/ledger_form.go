package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fencepost/fencepost"
)

// ledgerVersion is the version of the records in a ledger's topic. A newer program first writes a larger one, then
// takes the producer of every group, which fences the older programs out.
const ledgerVersion = 1

// A ledger's topic holds one kind of fact a key; keys and values are JSON, so that any reader of topics shows them:
//
//	["version"]                       {"version":1}                    only where it is not 1
//	["group","etl"]                   {"cluster":"…","seq":17}
//	["roster","etl","flights"]        {"topic_id":"…","partitions":12}
//	["position","etl","flights",0]    {"offset":160,"epoch":0,"fence":"…","topic_id":"…","run":{…}}
//	["move","etl",17]                 {"topic":"flights","partition":0,"cause":"rewind","held":{…},"next":{…},…}
//
// Compaction keeps the last value of each key: the state, and every move. A run of merged commits is part of its
// position until it ends, so that a commit writes one record a partition; then it becomes a move.
type fact struct {
	group fencepost.Group
	tp    fencepost.TopicPartition // of a position; of a roster the topic alone
	seq   int64                    // of a move

	version  int // 0: none of it
	head     *headForm
	roster   *rosterForm
	position *positionForm
	move     *moveForm
}

type headForm struct {
	Cluster string `json:"cluster"`
	Seq     int64  `json:"seq"` // of the newest move or run
}

type rosterForm struct {
	TopicID    topicForm `json:"topic_id"`
	Partitions int32     `json:"partitions"`
}

// place is a Position.
type place struct {
	Offset  fencepost.Offset      `json:"offset"`
	Epoch   fencepost.LeaderEpoch `json:"epoch"`
	Fence   fenceForm             `json:"fence"`
	TopicID topicForm             `json:"topic_id"`
}

func placeOf(p fencepost.Position) place {
	return place{p.Offset, p.LeaderEpoch, fenceForm(p.Fence), topicForm(p.TopicID)}
}

func (p place) position() fencepost.Position {
	return fencepost.Position{Offset: p.Offset, LeaderEpoch: p.Epoch, Fence: fencepost.Fence(p.Fence), TopicID: fencepost.TopicID(p.TopicID)}
}

type positionForm struct {
	place
	// Uncopied: the group has no committed offset beside this position, for its broker did not know the topic.
	Uncopied bool     `json:"uncopied,omitempty"`
	Run      *runForm `json:"run,omitempty"`

	at time.Time // when it was written, by the topic's clock
}

// runForm is the open run of merged commits that ends at its position.
type runForm struct {
	Seq     int64  `json:"seq"`
	From    place  `json:"from"`
	Commits int64  `json:"commits"`
	Who     string `json:"who"`
}

type moveForm struct {
	Topic      string    `json:"topic"`
	Partition  int32     `json:"partition"`
	Cause      causeForm `json:"cause"`
	Held       *place    `json:"held"` // null: absent
	Next       place     `json:"next"`
	AtMost     int64     `json:"at_most"`
	Why        string    `json:"why"`
	Partitions int32     `json:"partitions,omitempty"`
	Commits    int64     `json:"commits,omitempty"`
	Who        string    `json:"who"`
	// At is when the last commit of a run was made, Unix milliseconds: its record is younger. 0: the record's own time.
	At int64 `json:"at,omitempty"`

	at time.Time
}

func moveFormOf(m fencepost.Move, who string) *moveForm {
	f := &moveForm{Topic: m.Topic, Partition: m.Partition, Cause: causeForm(m.Cause), Next: placeOf(m.Next), AtMost: m.AtMost,
		Why: m.Reason(), Partitions: m.Partitions, Who: who}
	if !m.Held.Absent() {
		held := placeOf(m.Held)
		f.Held = &held
	}
	if m.Cause == fencepost.CauseCommit {
		f.Commits = 1
	}
	return f
}

// closed is a run as the move that it becomes.
func (f *positionForm) closed(tp fencepost.TopicPartition) *moveForm {
	from := f.Run.From
	return &moveForm{Topic: tp.Topic, Partition: tp.Partition, Cause: causeForm(fencepost.CauseCommit), Held: &from, Next: f.place,
		Commits: f.Run.Commits, Who: f.Run.Who, At: f.at.UnixMilli()}
}

func (f *moveForm) recorded() fencepost.Recorded {
	r := fencepost.Recorded{Commits: f.Commits, Who: f.Who, At: f.at, Move: fencepost.Move{
		TopicPartition: fencepost.TopicPartition{Topic: f.Topic, Partition: f.Partition}, Cause: fencepost.Cause(f.Cause),
		Next: f.Next.position(), AtMost: f.AtMost, Partitions: f.Partitions}}
	r.SetReason(f.Why)
	if f.Held != nil {
		r.Held = f.Held.position()
	}
	if f.At != 0 {
		r.At = time.UnixMilli(f.At)
	}
	return r
}

type fenceForm fencepost.Fence

func (f fenceForm) MarshalText() ([]byte, error) { return []byte(fencepost.Fence(f).String()), nil }

func (f *fenceForm) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 16, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("fence %q is not 16 hexadecimal digits", text)
	}
	*f = fenceForm(n)
	return nil
}

type topicForm fencepost.TopicID

func (t topicForm) MarshalText() ([]byte, error) { return []byte(fencepost.TopicID(t).String()), nil }

func (t *topicForm) UnmarshalText(text []byte) error {
	id, err := fencepost.ParseTopicID(string(text))
	*t = topicForm(id)
	return err
}

type causeForm fencepost.Cause

func (c causeForm) MarshalText() ([]byte, error) { return []byte(fencepost.Cause(c).String()), nil }

func (c *causeForm) UnmarshalText(text []byte) error {
	cause, err := fencepost.ParseCause(string(text))
	*c = causeForm(cause)
	return err
}

// encode makes the record of a fact.
func (f fact) encode() (key, value []byte, err error) {
	var k []any
	var v any
	switch {
	case f.head != nil:
		k, v = []any{"group", f.group}, f.head
	case f.roster != nil:
		k, v = []any{"roster", f.group, f.tp.Topic}, f.roster
	case f.position != nil:
		k, v = []any{"position", f.group, f.tp.Topic, f.tp.Partition}, f.position
	case f.move != nil:
		k, v = []any{"move", f.group, f.seq}, f.move
	default:
		k, v = []any{"version"}, map[string]int{"version": f.version}
	}
	if key, err = json.Marshal(k); err != nil {
		return nil, nil, err
	}
	value, err = json.Marshal(v)
	return key, value, err
}

// decode reads a record; a nil value is a fact that was deleted.
func decode(key, value []byte, at time.Time) (f fact, err error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(key, &parts); err != nil {
		return f, fmt.Errorf("its key: %w", err)
	}
	var kind string
	into := []any{&kind, &f.group, &f.tp.Topic, &f.tp.Partition}
	want := map[string]int{"version": 1, "group": 2, "roster": 3, "position": 4, "move": 3}
	if len(parts) == 0 || json.Unmarshal(parts[0], &kind) != nil || want[kind] != len(parts) {
		return f, errors.New("its key is none of ours")
	}
	if kind == "move" {
		into[2] = &f.seq
	}
	for i, part := range parts {
		if err := json.Unmarshal(part, into[i]); err != nil {
			return f, fmt.Errorf("its key: %w", err)
		}
	}
	var v any
	switch kind {
	case "version":
		v = &struct{ Version *int }{&f.version}
	case "group":
		f.head = &headForm{}
		v = f.head
	case "roster":
		f.roster = &rosterForm{}
		v = f.roster
	case "position":
		f.position = &positionForm{at: at}
		v = f.position
	case "move":
		f.move = &moveForm{at: at}
		v = f.move
	}
	if value == nil {
		return f, errDeleted
	}
	if err := json.Unmarshal(value, v); err != nil {
		return f, fmt.Errorf("its value: %w", err)
	}
	return f, nil
}

// errDeleted is decode's word for a record without a value: somebody deleted the fact.
var errDeleted = errors.New("deleted")

package view

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Positions is the answer of offsets show: what ledger and brokers say of a group at one time.
type Positions struct {
	Head
	Time      Instant         `json:"time"`
	Group     fencepost.Group `json:"group"`
	Ledger    LedgerName      `json:"ledger"`
	Layout    *Layout         `json:"layout"` // nil: the positions are a ledger's
	Roster    []RosterEntry   `json:"roster"`
	Totals    Totals          `json:"totals"`
	Positions []Standing      `json:"positions"` // in partition order
	// Reported is whether the ledger keeps what workers know; null: the positions are another program's.
	Reported *bool `json:"reported"`
	// Refused is why the ledger's server takes no writes, so that no worker can commit; null: nothing is known of it.
	Refused *Refusal `json:"refused"`
	// Workers are those that are alive, by their signs of life in the ledger's store; those of an earlier release have none. null: it is not
	// known.
	Workers []Worker `json:"workers"`
	// DeadLetters is how many of the group's dead letters wait; null: the ledger keeps none, or did not answer.
	DeadLetters Number `json:"dead_letters"`

	Topics   []admin.ViewTopic `json:"-"`
	Clock    text.Clock        `json:"-"` // how times are printed
	Mirrored int               `json:"-"` // partitions of which the Kafka group holds an offset
	Lost     bool              `json:"-"` // the ledger is empty, and the group has run all the same
	Bare     bool              `json:"-"` // another program's positions, which would not show a recreated topic
}

// Worker is a live worker of the group.
type Worker struct {
	Who      string  `json:"who"` // pid@host
	Since    Instant `json:"since"`
	Member   Word    `json:"member"`   // of the Kafka group; null: it has not joined
	Instance Word    `json:"instance"` // of a static member
}

// Refusal is why a server takes no writes.
type Refusal struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// CountLetters notes how many dead letters wait, if the ledger says.
func (p *Positions) CountLetters(n int64, known bool) {
	if known {
		p.DeadLetters = Number(n)
	}
}

// LedgerName says which ledger it is.
type LedgerName struct {
	URL       string `json:"url"`
	ID        Word   `json:"id"`
	ClusterID Word   `json:"cluster_id"`
}

// Layout is another program's form of offsets.
type Layout struct {
	Name    string   `json:"name"`
	Meaning string   `json:"meaning"`
	Notes   []string `json:"notes"`
}

// RosterEntry is one topic that the ledger knows.
type RosterEntry struct {
	Topic      string `json:"topic"`
	TopicID    Word   `json:"topic_id"`
	Partitions int32  `json:"partitions"`
}

// Totals counts the positions.
type Totals struct {
	Partitions int   `json:"partitions"`
	Blocked    int   `json:"blocked"`
	Waiting    int   `json:"waiting"`
	Parked     int   `json:"parked"`
	Idle       int   `json:"idle"`
	Running    int   `json:"running"`
	Retrying   int   `json:"retrying"`
	CutOff     int   `json:"cut_off"`
	Lag        int64 `json:"lag"` // over the partitions of which it is known: at least, where LagUnknown is above 0
	AtLeast    bool  `json:"lag_at_least"`
	LagUnknown int   `json:"lag_unknown"` // partitions of which it is not
}

// Plus adds the totals of other partitions.
func (t Totals) Plus(o Totals) Totals {
	return Totals{t.Partitions + o.Partitions, t.Blocked + o.Blocked, t.Waiting + o.Waiting, t.Parked + o.Parked, t.Idle + o.Idle, t.Running + o.Running,
		t.Retrying + o.Retrying, t.CutOff + o.CutOff, t.Lag + o.Lag, t.AtLeast || o.AtLeast, t.LagUnknown + o.LagUnknown}
}

// Standing is one partition.
type Standing struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Stored    *string   `json:"stored" csv:"-"` // what another program stored
	Position  *Position `json:"position"`
	Bounds    *Bounds   `json:"bounds"`
	Claim     *struct{} `json:"claim" csv:"-"` // null: no store keeps yet which worker has a partition
	Lag       Number    `json:"lag"`
	LagTime   Age       `json:"lag_seconds"` // age of the oldest unread record
	Verdict   Verdict   `json:"verdict"`
	State     Word      `json:"state"`
	AtMost    Number    `json:"at_most"`
	Reason    Word      `json:"reason"`
	LastMove  *LastMove `json:"last_move"`
	// CommittedElsewhere is where another program moved the partition in the Kafka group; the ledger decides. null: none did.
	CommittedElsewhere *fencepost.Offset `json:"committed_elsewhere" csv:"-"`
	// Transaction holds the rest of the partition back; null: none is known.
	Transaction *Transaction `json:"transaction" csv:"-"`

	Code   Word    `json:"code"`                      // why it stands still; null: it does not, or there is no code for it
	Report *Report `json:"report" csv:"since worker"` // why a worker says that it stands still; null: none does

	Settled bool             `json:"-"` // the position is good as it is
	Odd     bool             `json:"-"` // it needs an explanation
	Person  bool             `json:"-"` // it needs a person
	Told    string           `json:"-"` // the explanation
	Moved   *ledger.Recorded `json:"-"` // the last move that was neither start nor commit; nil: none
}

// Report is what a worker says of a partition that stands still.
type Report struct {
	State  string           `json:"state"`
	Code   Word             `json:"code"`
	Reason Word             `json:"reason"`
	Offset fencepost.Offset `json:"offset"` // of the record that is the cause, or of the position
	Since  Instant          `json:"since"`
	Worker Word             `json:"worker"`
}

// Bounds are a partition's offsets as the brokers have them.
type Bounds struct {
	Earliest fencepost.Offset `json:"earliest"`
	Stable   fencepost.Offset `json:"stable"`
	End      fencepost.Offset `json:"end"`
	TopicID  Word             `json:"topic_id"`
}

// Transaction is an open one.
type Transaction struct {
	ProducerID      int64            `json:"producer_id"`
	TransactionalID Word             `json:"transactional_id"`
	From            fencepost.Offset `json:"from"`
	Since           Instant          `json:"since"`
}

// LastMove is who moved a position last.
type LastMove struct {
	Cause string  `json:"cause"`
	Time  Instant `json:"time"`
	Who   Word    `json:"who"`
	Why   Word    `json:"why"`
}

// NewPositions makes the answer; where names the ledger or layout, form is the layout's name.
func NewPositions(v admin.View, where, form string) Positions {
	p := Positions{Head: head("offsets show"), Time: Instant{v.At}, Group: v.Group,
		Ledger: LedgerName{URL: where, ClusterID: Word(v.Snapshot.ClusterID)},
		Roster: []RosterEntry{}, Positions: make([]Standing, 0, len(v.Standings)), Topics: v.Topics(), Clock: text.ClockAt(v.At), Mirrored: v.Mirrored, Lost: v.Lost(), Bare: v.Bare(), DeadLetters: -1}
	if id := v.Snapshot.Ledger; id != (fencepost.LedgerID{}) {
		p.Ledger.ID = Word(id.String())
	}
	if v.Foreign {
		p.Layout = &Layout{Name: form, Meaning: v.Meaning.String(), Notes: list(v.Notes)}
	}
	for _, topic := range slices.Sorted(maps.Keys(v.Snapshot.Topics)) {
		e := v.Snapshot.Topics[topic]
		p.Roster = append(p.Roster, RosterEntry{topic, Word(e.TopicID.String()), e.Partitions})
	}
	if !v.Foreign {
		reported := v.Unreported == nil
		p.Reported = &reported
	}
	if f, ok := errors.AsType[*fencepost.UserError](v.Refused); ok {
		p.Refused = &Refusal{f.Code, f.Err.Error()}
	}
	if v.Signs {
		p.Workers = []Worker{}
	}
	for _, w := range v.Workers {
		p.Workers = append(p.Workers, Worker{w.Who, Instant{w.Since}, Word(w.Member), Word(w.Instance)})
	}
	states := map[admin.State]int{}
	for _, s := range v.Standings {
		p.Positions = append(p.Positions, standing(s))
		states[s.State]++
		p.Totals.Lag += max(0, s.Lag)
		if s.Lag < 0 {
			p.Totals.LagUnknown++
		}
	}
	p.Totals.AtLeast = p.Totals.LagUnknown > 0
	p.Totals.Partitions, p.Totals.Blocked, p.Totals.Waiting = len(v.Standings), states[admin.Blocked], states[admin.Waiting]
	p.Totals.Parked, p.Totals.Idle = states[admin.Parked], states[admin.Idle]
	p.Totals.Running = states[admin.Running]
	p.Totals.Retrying, p.Totals.CutOff = states[admin.Retrying], states[admin.CutOff]
	return p
}

// list is a list also where there is nothing: [] and not null.
func list(texts []string) []string { return append([]string{}, texts...) }

func standing(s admin.Standing) Standing {
	out := Standing{Topic: s.Topic, Partition: s.Partition, Position: position(s.Position), Lag: Number(s.Lag), LagTime: Age(s.LagTime),
		Verdict: Verdict(s.Decision.Verdict), State: Word(s.State.String()), AtMost: -1, Reason: Word(s.Reason),
		Code: Word(s.Code()), Settled: s.Settled(), Odd: s.Odd(), Person: s.NeedsPerson(), Told: s.Told(), Moved: s.Moved, CommittedElsewhere: s.Elsewhere}
	if b := s.Bounds; b.Err == nil {
		out.Bounds = &Bounds{b.Earliest, b.LastStableOffset, b.HighWatermark, Word(b.TopicID.String())}
	}
	if s.Decision.Lost > 0 {
		out.AtMost = Number(s.Decision.Lost)
	}
	if m := s.Last; m != nil {
		out.LastMove = &LastMove{m.Cause.String(), Instant{m.At}, Word(m.Who), Word(m.Reason())}
	}
	if s.Bad != nil {
		out.Reason = Word(s.Bad.Error())
	}
	if r := s.Report; r != nil {
		out.Report = &Report{string(r.Halt), Word(r.Code), Word(r.Reason), r.Offset, Instant{r.Since}, Word(r.Who)}
	}
	if s.Entry != nil {
		out.Stored = &s.Entry.Raw
	}
	if tx := s.Open; tx != nil {
		out.Transaction = &Transaction{tx.ProducerID, Word(tx.TransactionalID), tx.From, Instant{tx.Since}}
	}
	return out
}

// Rows are the positions.
func (p Positions) Rows() any { return p.Positions }

// Exit is 3 where a person is needed, where no worker can commit, and where the brokers do not say: a partition that waits may wait for ever, and a job that
// looks at the exit code alone would never learn of it.
func (p Positions) Exit() int {
	return found(p.Lost || p.Refused != nil || p.Totals.Waiting > 0 || slices.ContainsFunc(p.Positions, func(s Standing) bool { return s.Person }))
}

// LastMoved is the partition whose last move but starts and commits is the newest of all. ok is false where there was none.
func (p Positions) LastMoved() (last Standing, ok bool) {
	for _, s := range p.Positions {
		if m := s.Moved; m != nil && !m.Adopts() && (!ok || m.At.After(last.Moved.At)) {
			last, ok = s, true
		}
	}
	return last, ok
}

// Ordered is the positions with what is odd first; within that, and behind it, in partition order. odd is how many are.
func (p Positions) Ordered() (ordered []Standing, odd int) {
	var rest []Standing
	for _, s := range p.Positions {
		if s.Odd {
			ordered = append(ordered, s)
		} else {
			rest = append(rest, s)
		}
	}
	return append(ordered, rest...), len(ordered)
}

// Verdicts says how many partitions have each verdict: 4 ok, 1 aged out.
func (p Positions) Verdicts() string {
	n := map[string]int{}
	for _, s := range p.Positions {
		n[ledger.Verdict(s.Verdict).String()]++
	}
	return counted(n, slices.Sorted(maps.Keys(n)))
}

// States says how many partitions stand still, and how; empty if none does.
func (p Positions) States() string {
	return counted(map[string]int{"parked": p.Totals.Parked, "waiting": p.Totals.Waiting, "blocked": p.Totals.Blocked,
		"retrying": p.Totals.Retrying, "cut off": p.Totals.CutOff}, []string{"parked", "waiting", "blocked", "retrying", "cut off"})
}

func counted(n map[string]int, words []string) string {
	var parts []string
	for _, w := range words {
		if n[w] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[w], w))
		}
	}
	return strings.Join(parts, ", ")
}

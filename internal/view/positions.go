package view

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
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

	Topics   []admin.ViewTopic `json:"-"`
	Clock    text.Clock        `json:"-"` // how times are printed
	Mirrored int               `json:"-"` // partitions of which the Kafka group holds an offset
	Lost     bool              `json:"-"` // the ledger is empty, and the group has run all the same
	Bare     bool              `json:"-"` // another program's positions, which would not show a recreated topic
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
	Retrying   int   `json:"retrying"`
	CutOff     int   `json:"cut_off"`
	Lag        int64 `json:"lag"` // over the partitions of which it is known: at least, where LagUnknown is above 0
	AtLeast    bool  `json:"lag_at_least"`
	LagUnknown int   `json:"lag_unknown"` // partitions of which it is not
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
		Roster: []RosterEntry{}, Positions: []Standing{}, Topics: v.Topics(), Clock: text.ClockAt(v.At), Mirrored: v.Mirrored, Lost: v.Lost(), Bare: v.Bare()}
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

// Exit is 3 where a person is needed, and where the brokers do not say: a partition that waits may wait for ever, and a job that
// looks at the exit code alone would never learn of it.
func (p Positions) Exit() int {
	return found(p.Lost || p.Totals.Waiting > 0 || slices.ContainsFunc(p.Positions, func(s Standing) bool { return s.Person }))
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

// foldAbove is how many lines a table may have before its ok partitions are folded.
const foldAbove = 40

// Detail is how much of the positions a table shows.
type Detail uint8

// The details.
const (
	Folded Detail = iota // partitions that are as they should be are one line, where there are many or others matter more
	All                  // a line for each partition
	Wide                 // and all that is known of it
)

// Table is the positions in a table.
func (p Positions) Table(detail Detail) screen.Table {
	plain, odd := p.Ordered()
	wide := detail == Wide
	var folded []Standing
	if detail == Folded && (odd > 0 || len(plain) > foldAbove) {
		plain, folded = plain[:odd], plain[odd:]
	}
	table := screen.Table{Columns: standingColumns(wide)}
	many := detail == Folded && len(plain) > foldAbove
	for i := 0; i < len(plain); {
		n := 1
		if many {
			n = alikeStandings(plain[i:])
		}
		row := plain[i].row(p, wide)
		if n > 1 {
			row.Cells[0] = run{plain[i].Topic, plain[i].Partition, plain[i+n-1].Partition}.String()
			row.Cells[len(row.Cells)-1] = "" // each has one of its own
		}
		table.Rows = append(table.Rows, row)
		i += n
	}
	table.Rows = append(table.Rows, p.lastRow(folded))
	return table
}

// alikeStandings is how many partitions, from the first on, are neighbours that are odd for the same reason and read alike in a
// table.
func alikeStandings(list []Standing) int {
	first, cells := list[0], list[0].cells()[1:]
	n := 1
	for n < len(list) && first.Odd {
		s := list[n]
		if !s.Odd || s.Topic != first.Topic || s.Partition != first.Partition+int32(n) || s.Reason != first.Reason || !slices.Equal(s.cells()[1:], cells) {
			break
		}
		n++
	}
	return n
}

func standingColumns(wide bool) []screen.Column {
	columns := []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}, {Name: "EARLIEST", Right: true, Hide: 4},
		{Name: "STABLE", Right: true, Hide: 2}, {Name: "END", Right: true}, {Name: "LAG", Right: true},
		{Name: "LAG-TIME", Right: true, Hide: 3}, {Name: "VERDICT"}, {Name: "STATE"}}
	if wide {
		return append(columns, screen.Column{Name: "LEADER-EPOCH", Right: true}, screen.Column{Name: "FENCE"}, screen.Column{Name: "TOPIC-ID"},
			screen.Column{Name: "CAUSE"}, screen.Column{Name: "TIME"}, screen.Column{Name: "WHO"}, screen.Column{Name: "WHY"})
	}
	return append(columns, screen.Column{Name: "LAST-MOVE", Hide: 1})
}

// Name is the partition: trips:3.
func (s Standing) Name() string {
	return fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}.String()
}

// cells are a partition's, without those of its last move.
func (s Standing) cells() []string {
	cells := []string{s.Name(), s.Position.String(), "-", "-", "-", s.Lag.String(), s.LagTime.String(), s.Verdict.String(), string(s.State)}
	if b := s.Bounds; b != nil {
		cells[2], cells[3], cells[4] = text.Count(b.Earliest), text.Count(b.Stable), text.Count(b.End)
	}
	return cells
}

// row is the line of one partition.
func (s Standing) row(p Positions, wide bool) screen.Row {
	row := screen.Row{Style: screen.Green, Paint: s.Settled}
	switch string(s.State) {
	case admin.Parked.String():
		row.Style, row.Paint = screen.Red, true
	case admin.Waiting.String(), admin.Blocked.String(), admin.Retrying.String(), admin.CutOff.String():
		row.Style, row.Paint = screen.Yellow, true
	}
	row.Cells = append(s.cells(), s.lastMove(p, wide)...)
	return row
}

// lastMove is who moved a position last: in one cell, or in seven.
func (s Standing) lastMove(all Positions, wide bool) []string {
	m := s.LastMove
	if !wide {
		if m == nil {
			return []string{"-"}
		}
		return []string{m.Cause + " " + Ago(all.Time.Time, m.Time.Time)}
	}
	cells := []string{"-", "-", "-", "-", "-", "-", "-"}
	if p := s.Position; p != nil {
		if p.LeaderEpoch >= 0 {
			cells[0] = fmt.Sprint(int64(p.LeaderEpoch))
		}
		cells[1], cells[2] = cmp.Or(string(p.Fence), "-"), string(p.TopicID)
	}
	if m != nil {
		cells[3], cells[4], cells[5], cells[6] = m.Cause, all.Clock.Time(m.Time.Time), string(m.Who), cmp.Or(screen.Printable(string(m.Why)), "-")
	}
	return cells
}

// lastRow sums the rows above, or stands for the partitions that were folded.
func (p Positions) lastRow(folded []Standing) screen.Row {
	if len(folded) > 0 {
		lag, longest := Number(0), Age(0)
		for _, s := range folded {
			lag += max(s.Lag, 0)
			longest = max(longest, s.LagTime)
		}
		return screen.Row{Cells: []string{fmt.Sprintf("%d more, all ok (--all)", len(folded)), "", "", "", "", lag.String(), longest.String(), "ok"},
			Style: screen.Green, Paint: true}
	}
	offsets, ends := Number(-1), Number(-1) // a partition of which one is not known is left out of that sum
	for _, s := range p.Positions {
		if s.Position != nil {
			offsets = max(offsets, 0) + Number(s.Position.Offset)
		}
		if s.Bounds != nil {
			ends = max(ends, 0) + Number(s.Bounds.End)
		}
	}
	return screen.Row{Cells: []string{"total", offsets.String(), "", "", ends.String(), p.lag(), p.lagTime().String(), p.Verdicts()}}
}

// lag is the sum of what is known; at least so much, where of a partition it is not.
func (p Positions) lag() string {
	switch {
	case p.Totals.LagUnknown == p.Totals.Partitions:
		return "-"
	case p.Totals.AtLeast:
		return "at least " + text.Count(p.Totals.Lag)
	}
	return text.Count(p.Totals.Lag)
}

// lagTime is the age of the oldest unread record; not known if a lagging partition's is not.
func (p Positions) lagTime() (longest Age) {
	longest = -1
	for _, s := range p.Positions {
		if s.Lag > 0 && s.LagTime < 0 {
			return -1
		}
		longest = max(longest, s.LagTime)
	}
	return longest
}

// TopicLines names the topics, with another incarnation that the ledger knows.
func (p Positions) TopicLines() (lines []string) {
	nameWidth := 0
	for _, topic := range p.Topics {
		nameWidth = max(nameWidth, len(topic.Name))
	}
	for _, topic := range p.Topics {
		line := fmt.Sprintf("%-*s    %s   topic ID %s", nameWidth, topic.Name, text.Plural(topic.Partitions, "partition"), topic.ID)
		if topic.Ledger != topic.ID && topic.Ledger != (fencepost.TopicID{}) {
			line += "   (ledger: " + topic.Ledger.String() + ")"
		}
		if topic.Unread {
			line += "   not read by this file"
		}
		lines = append(lines, line)
	}
	return lines
}

// Explained is a name, and prose about it.
type Explained struct{ Name, Text string }

// reasons is why each partition is odd, or held back; those of which the same is said are named together.
func (p Positions) reasons() (lines []Explained) {
	ordered, odd := p.Ordered()
	of := map[string][]fencepost.TopicPartition{} // :: reason -> partitions
	var said []string
	for i, s := range ordered {
		if i >= odd && s.Transaction == nil {
			continue
		}
		why := cmp.Or(s.Told, string(s.Reason))
		if why == "" {
			continue
		}
		if of[why] == nil {
			said = append(said, why)
		}
		of[why] = append(of[why], fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition})
	}
	for _, why := range said {
		lines = append(lines, Explained{named(of[why], 3), why})
	}
	return lines
}

// elsewhere names the partitions that another program moved in the Kafka group; empty: there is none.
func (p Positions) elsewhere() string {
	var tps []fencepost.TopicPartition
	var first Standing
	for _, s := range p.Positions {
		if s.CommittedElsewhere == nil {
			continue
		}
		if len(tps) == 0 {
			first = s
		}
		tps = append(tps, fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition})
	}
	if len(tps) == 0 {
		return ""
	}
	return fmt.Sprintf("another program moved Kafka's group %s: %s, the first to %s where the ledger holds %s; the ledger decides, and offsets set moves it",
		p.Group, named(tps, 3), text.Count(*first.CommittedElsewhere), first.Position)
}

// Explained explains what is odd, what was moved within a day, and what is so of the whole.
func (p Positions) Explained() (lines []Explained) {
	lines = p.reasons()
	for _, s := range p.Positions {
		if m := s.Moved; m != nil && !m.Adopts() && p.Time.Sub(m.At) < 24*time.Hour {
			says := fmt.Sprintf("%s by %s %s, %s -> %s", m.Cause, m.Who, Ago(p.Time.Time, m.At), position(m.Held), text.Count(m.Next.Offset))
			if why := m.Reason(); why != "" {
				says += ": " + why
			}
			lines = append(lines, Explained{s.Name(), says})
		}
	}
	if note := p.elsewhere(); note != "" {
		lines = append(lines, Explained{"note", note})
	}
	for _, topic := range p.Topics {
		if topic.Unread {
			lines = append(lines, Explained{"note", "this file does not read " + topic.Name + ", which the group has read once: fencepost offsets forget FILE --topic " + topic.Name + " leaves it behind"})
		}
	}
	if p.Layout != nil {
		for _, note := range p.Layout.Notes {
			lines = append(lines, Explained{"note", note})
		}
	}
	if p.Bare {
		lines = append(lines, Explained{"note", "it holds no topic IDs: a recreated topic would not show"})
	}
	if p.Reported != nil && !*p.Reported {
		lines = append(lines, Explained{"note", "this ledger does not keep what its workers know: the log of a worker alone says what the sink refuses; fencepost ddl FILE makes the place for it"})
	}
	if p.Lost {
		lines = append(lines, Explained{"ledger", fmt.Sprintf("it is empty, but the group has run: Kafka holds %d offsets of it; restore it", p.Mirrored)})
	}
	return lines
}

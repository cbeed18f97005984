package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// View is what ledger and brokers say of a group at one time.
type View struct {
	At       time.Time
	Group    fencepost.Group
	Snapshot ledger.Snapshot
	About    source.Description
	Mirrored int // partitions of which the Kafka group holds an offset
	// Left is where the group went on since the ledger was here, which is an old primary's then; zero: it is here.
	Left fencepost.Place
	// Standings is every partition that the ledger or the topics have, in partition order.
	Standings []Standing
	Foreign   bool            // the positions are another program's
	Meaning   foreign.Meaning // of its numbers
	Notes     []string        // what is odd about its layout
	// Refused is why the ledger's server takes no writes, by which no worker can commit or report anything; nil: nothing is known of it.
	Refused error
	// Unreported is why it is not known what the workers know; nil: it is.
	Unreported error
	Forgotten  int             // partitions that were left behind, and are not among the Standings
	Pipeline   ledger.Pipeline // what the group does; without Parts: not known
	Workers    []ledger.Worker // that are alive, by their signs of life; those of an earlier release have none
	Signs      bool            // the store takes signs of life, and has answered

	entries  map[fencepost.TopicPartition]foreign.Entry
	mirrorOf fencepost.LedgerID // the ledger that decides the layout's numbers; zero: none
}

// State is what a partition does, as far as ledger and brokers show it.
type State uint8

// The states. The zero State is not known: a worker may run it, or none.
const (
	StateUnknown State = iota
	Idle               // nothing is left to read
	Waiting            // the brokers do not answer for it; goes on by itself
	Blocked            // an open transaction holds it back
	Parked             // a person has to decide
	Retrying           // a worker says that its commit fails and is tried again, or takes long
	CutOff             // a worker says that it lost the partition without leaving the group
	Running            // a worker of the group is alive to read it
)

// String is the state's word; "-" where it is not known.
func (s State) String() string {
	return [...]string{"-", "idle", "waiting", "blocked", "parked", "retrying", "cut-off", "running"}[s]
}

// Unknown is a number that is not known.
const Unknown = -1

// Standing is one partition of a View.
type Standing struct {
	fencepost.TopicPartition
	Position ledger.Position      // absent: the ledger has no row
	Bounds   fencepost.LogOffsets // of the last answer; with Err the other fields say nothing
	Decision ledger.Decision      // under the pipeline's own policy
	State    State
	Reason   string              // why it is parked, waiting, blocked or moves; may be empty
	Lag      int64               // HighWatermark - Offset; Unknown where the position does not belong to this log
	LagTime  time.Duration       // age of the oldest unread record; Unknown
	Last     *ledger.Recorded    // who moved it last; nil: not known
	Moved    *ledger.Recorded    // the last move that was neither start nor commit; nil: none
	NextAt   fencepost.Offset    // of the oldest unread record; Unknown
	Entry    *foreign.Entry      // what another program stored; nil: the position is a ledger's
	Open     *source.Transaction // holds the rest back; nil: none is known
	// Elsewhere is where another program moved the partition in the Kafka group, which the ledger does not follow; nil: none did.
	Elsewhere *fencepost.Offset
	Bad       error          // why that record cannot be decoded; nil: it can, or it was not tried
	Report    *ledger.Report // why a worker says that it stands still; nil: none does
	Records   []Peeked       // those that park it, as ReadParked found them

	foreign  bool // of a View that is
	mirror   fencepost.CommittedOffset
	mirrored bool // mirror is of this ledger and of this topic, and in the log
	stored   ledger.Stored
	answers  []ledger.Answer
}

// unfenced reports whether another program wrote into the ledger.
func (s *Standing) unfenced() bool {
	return s.Position.Fence == 0 && !s.Position.Absent() && !s.foreign
}

// unsaid reports whether another program's layout has no entry of the partition: whether it ever read it is not known.
func (s *Standing) unsaid() bool { return s.foreign && s.Position.Absent() }

// Settled reports whether the position is good as it is.
func (s Standing) Settled() bool { return s.Decision.Action == ledger.Resume && s.State != Parked }

// NeedsPerson reports whether it needs a person: it is parked, or a worker says that it stands still.
func (s Standing) NeedsPerson() bool { return s.State == Parked || s.Report != nil && s.Halted() }

// Look asks ledger, brokers and history, and reconciles each partition, asking twice where the first answer
// contradicts the ledger (law 5). It makes no ledger.
//
// Errors: *fencepost.UserError ledger-missing, meaning-needed, layout-damaged.
func Look(ctx context.Context, r Resources) (View, error) {
	v := View{At: r.now(), Group: r.Group}
	mirrored, err := v.read(ctx, r)
	if err != nil {
		return v, err
	}
	if v.About, err = r.Cluster.Describe(ctx); err != nil {
		return v, fmt.Errorf("ask brokers: %w", err)
	}
	if v.Snapshot.Empty() && len(v.About.Topics)+len(v.About.Errs) == 0 && r.Layout == nil {
		return v, r.unknownGroup(ctx)
	}
	partitions := v.partitions()
	v.Standings = make([]Standing, 0, len(partitions)) // a Standing is large, and thousands that grow hold twice as much
	for _, tp := range partitions {
		s := Standing{TopicPartition: tp, Position: v.Snapshot.Positions[tp], Lag: Unknown, LagTime: Unknown, NextAt: Unknown}
		if e, ok := v.entries[tp]; ok {
			s.Entry = &e
		}
		s.foreign = r.Layout != nil
		s.stored = ledger.Stored{TopicPartition: tp, Position: s.Position, Topic: v.Snapshot.Topics[tp.Topic],
			ClusterID: v.Snapshot.ClusterID, Mirror: -1, Place: v.Snapshot.Place, Left: v.Left}
		if m, ok := mirrored[tp]; ok {
			s.stored.Mirror, s.stored.MirrorFence, s.stored.MirrorPlace = m.Offset, ledger.Fence(m.Fence), m.Place
			if ledger.Elsewhere(s.Position, m) {
				s.Elsewhere = &m.Offset
			}
			s.mirror = m
		}
		v.Standings = append(v.Standings, s)
	}
	if err := v.lastMoves(ctx, r); err != nil {
		return v, err
	}
	v.reconcile(ctx, r)
	v.lookAhead(ctx, r)
	v.readReports(ctx, r)
	v.findWorkers(ctx, r)
	v.askWhetherItWrites(ctx, r)
	v.findTransactions(ctx, r)
	return v, nil
}

func (r Resources) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// read asks the ledger and the Kafka group's own offsets, or the layout.
func (v *View) read(ctx context.Context, r Resources) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	if r.Layout != nil {
		return nil, v.readLayout(ctx, r)
	}
	if err := r.exists(ctx); err != nil {
		return nil, standsStill(err)
	}
	mirrored, err := r.Cluster.CommittedOffsets(ctx, r.Group)
	if err != nil {
		return nil, fmt.Errorf("read the group's offsets: %w", err)
	}
	v.Mirrored = len(mirrored)
	if v.Snapshot, err = r.Ledger.Read(ctx, r.Group); err != nil {
		return nil, fmt.Errorf("read ledger: %w", standsStill(err))
	}
	v.Left = ledger.WentOnAt(v.Snapshot.Place, mirrored)
	return mirrored, nil
}

// exists refuses a ledger that is not there: to read one makes it. Where the Kafka group shows that something has
// run already, it returns the error of a run.
func (r Resources) exists(ctx context.Context) error {
	f, ok := ledger.As[ledger.Finder](r.Ledger)
	if !ok {
		return nil
	}
	there, err := f.Exists(ctx, r.Group)
	if err != nil {
		return fmt.Errorf("look for the ledger: %w", err)
	}
	if there {
		return nil
	}
	if fault := r.keptElsewhere(ctx); fault != nil {
		return fault
	}
	return &fencepost.UserError{Code: "ledger-missing", Err: fmt.Errorf("there is no ledger in %s: nothing has run there yet", r.Where),
		Help: "mend where it is; or fencepost run FILE makes it"}
}

// keptElsewhere is what a run says of a group that another ledger keeps, where there is no ledger here. nil: none does, or the brokers do
// not answer.
func (r Resources) keptElsewhere(ctx context.Context) *fencepost.UserError {
	if r.Cluster == nil {
		return nil
	}
	mirrored, err := r.Cluster.CommittedOffsets(ctx, r.Group)
	if err != nil {
		return nil
	}
	fault := new(fencepost.UserError)
	if errors.As(ledger.Keeps(r.Group, ledger.Snapshot{}, mirrored), &fault) && fault.Code == "other-ledger" {
		return fault
	}
	return nil
}

// partitions is those of the ledger, of the topics and of the topics.
func (v *View) partitions() []fencepost.TopicPartition {
	all := map[fencepost.TopicPartition]bool{}
	for tp := range v.Snapshot.Positions {
		all[tp] = true
	}
	for topic, e := range v.Snapshot.Topics {
		for p := range e.Partitions {
			all[fencepost.TopicPartition{Topic: topic, Partition: p}] = true
		}
	}
	for topic, t := range v.About.Topics {
		for p := range t.Taken {
			all[fencepost.TopicPartition{Topic: topic, Partition: p}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), fencepost.TopicPartition.Compare)
}

// reconcile asks the brokers about every partition, and again about those whose answer contradicts the ledger.
func (v *View) reconcile(ctx context.Context, r Resources) {
	all := make([]int, len(v.Standings))
	for i := range all {
		all[i] = i
	}
	v.ask(ctx, r, all)
	var again []int
	for i := range v.Standings {
		if v.Standings[i].judge(r) == ledger.AskAgain {
			again = append(again, i)
		}
	}
	if len(again) > 0 {
		v.ask(ctx, r, again)
		for _, i := range again {
			v.Standings[i].judge(r)
		}
	}
	for i := range v.Standings {
		v.Standings[i].settle(v, r)
	}
}

// findTransactions asks which transactions hold partitions back. Their bounds are answers of two moments: a record that
// was appended in between looks the same, and then no transaction is open. Where the brokers do not say, blocked stays.
func (v *View) findTransactions(ctx context.Context, r Resources) {
	finder, able := r.Cluster.(source.TransactionFinder)
	var held []fencepost.TopicPartition
	for i := range v.Standings {
		if v.Standings[i].withheld(r) > 0 {
			held = append(held, v.Standings[i].TopicPartition)
		}
	}
	if !able || len(held) == 0 {
		return
	}
	open, err := finder.OpenTransactions(ctx, held)
	if err != nil {
		return
	}
	for i := range v.Standings {
		s := &v.Standings[i]
		tx, ok := open[s.TopicPartition]
		switch {
		case ok && s.withheld(r) > 0:
			s.heldBy(tx, v.At, r)
		case s.State == Blocked:
			s.State, s.Reason = StateUnknown, ""
		}
	}
}

// withheld is how many offsets an open transaction holds back from the pipeline, as far as the bounds show it.
func (s *Standing) withheld(r Resources) int64 {
	if s.Bounds.Err != nil || s.Position.Absent() || s.Decision.Action != ledger.Resume || r.Uncommitted {
		return 0
	}
	return int64(s.Bounds.HighWatermark - max(s.Bounds.LastStableOffset, s.Position.Offset))
}

// heldBy notes which transaction holds the rest back. Of a partition that has nothing else to read, the oldest unread record
// is the transaction's, and no older than it.
func (s *Standing) heldBy(tx source.Transaction, now time.Time, r Resources) {
	s.Open = &tx
	s.Reason = fmt.Sprintf("%s holds %d offsets back from %d on", tx, s.withheld(r), s.Bounds.LastStableOffset)
	if tx.Since.IsZero() {
		return
	}
	clock := text.ClockAt(now)
	s.Reason += fmt.Sprintf(", open since %s %s", clock.Time(tx.Since), clock)
	if s.State == Blocked {
		s.LagTime = max(0, now.Sub(tx.Since))
	}
}

func (v *View) ask(ctx context.Context, r Resources, which []int) {
	asks := make([]fencepost.OffsetQuery, len(which))
	for n, i := range which {
		s := &v.Standings[i]
		asks[n] = fencepost.OffsetQuery{TopicPartition: s.TopicPartition, LeaderEpoch: fencepost.NoEpoch}
		if !s.Position.Absent() {
			asks[n].LeaderEpoch = s.Position.LeaderEpoch
		} else if r.Policy.Start.Kind == ledger.StartTime {
			asks[n].Time = r.Policy.Start.Time
		}
	}
	got := r.Cluster.LogOffsets(ctx, asks)
	for _, i := range which {
		s := &v.Standings[i]
		b, ok := got[s.TopicPartition]
		if !ok {
			b.Err = fencepost.ErrNoAnswer
		}
		s.answers = append(s.answers, ledger.Answer{LogOffsets: b, ClusterID: v.About.ClusterID})
		s.Bounds = b
	}
}

// judge reconciles under the pipeline's own policy.
func (s *Standing) judge(r Resources) ledger.Action {
	switch {
	case s.unfenced():
		s.Decision = ledger.Decision{Action: ledger.Stop, Diverged: -1, Reason: "the entry has no fence: another program wrote it"}
	case s.unsaid():
		s.Decision = ledger.Decision{Diverged: -1, Reason: "it has no entry of this partition"}
	default:
		s.Decision = s.reconcile(r.Policy)
	}
	if s.foreign && s.Decision.Verdict == ledger.WeakerCheck { // so is every one of them: it is reported once, of the View
		s.Decision.Verdict, s.Decision.Reason = ledger.OK, ""
	}
	return s.Decision.Action
}

// under is the Decision under another policy, about the same answers.
func (s *Standing) under(p ledger.Policy) ledger.Decision {
	if s.unfenced() || s.unsaid() {
		return s.Decision
	}
	return s.reconcile(p)
}

// reconcile is what Reconcile says of the position. A topic ID that the next run takes over changes nothing that an
// operator could decide about: the position is good as it is.
func (s *Standing) reconcile(p ledger.Policy) ledger.Decision {
	d := ledger.Reconcile(s.stored, s.answers, p)
	if d.Adopts() {
		d = ledger.Decision{Verdict: d.Verdict, Action: ledger.Resume, Diverged: d.Diverged, Reason: d.Reason}
	}
	return d
}

// topicID is the incarnation that a move of the position is recorded under: its own, or the brokers' if it has none.
func (s *Standing) topicID() fencepost.TopicID { return cmp.Or(s.Position.TopicID, s.Bounds.TopicID) }

// settle derives state and lag from the Decision.
func (s *Standing) settle(v *View, r Resources) {
	s.mirrored = s.mirror.Ledger == v.Snapshot.Ledger && s.mirror.Ledger != (fencepost.LedgerID{}) && s.mirror.TopicID == s.Bounds.TopicID &&
		s.Bounds.Earliest <= s.mirror.Offset && s.mirror.Offset <= s.Bounds.HighWatermark
	s.Reason = s.Decision.Reason
	if d := s.Decision; d.Verdict == ledger.Truncated && d.Diverged >= 0 {
		s.Reason = fmt.Sprintf("epoch %d ended at %d: %d offsets that were applied are no longer in the log",
			s.Position.LeaderEpoch, d.Diverged, s.Position.Offset-d.Diverged)
		if n := s.Bounds.HighWatermark - d.Diverged; n > 0 {
			s.Reason += fmt.Sprintf("; %d others stand in %s", n, fencepost.OffsetRange{From: d.Diverged, Until: s.Bounds.HighWatermark})
		}
	}
	if s.Decision.Verdict == ledger.New || s.Decision.Verdict == ledger.Added {
		s.Reason = "" // nothing is to be explained about a start
	}
	switch s.Decision.Action {
	case ledger.Stop:
		s.State = Parked
	case ledger.Wait, ledger.AskAgain:
		if !s.unsaid() {
			s.State = Waiting
		}
	case ledger.Resume:
		switch {
		case s.Position.Offset == s.Bounds.HighWatermark:
			s.State = Idle
		case s.Position.Offset == s.Bounds.LastStableOffset && !r.Uncommitted:
			s.State = Blocked
			s.Reason = restHeld
		}
	case ledger.MoveOn:
	}
	if s.Bounds.Err == nil && !s.Position.Absent() &&
		(s.Decision.Action == ledger.Resume || s.Decision.Verdict == ledger.AgedOut) {
		s.Lag = int64(s.Bounds.HighWatermark - s.Position.Offset)
	}
	if s.Lag == 0 {
		s.LagTime = 0
	}
}

// lastMoves finds who moved each partition last; of a ledger that has no such query, in its whole history.
func (v *View) lastMoves(ctx context.Context, r Resources) (err error) {
	if r.History == nil {
		return nil
	}
	found, err := ledger.LastMovesIn(ctx, r.Ledger, r.Group)
	if err != nil {
		return err
	}
	v.leaveForgotten(r, found)
	for i := range v.Standings {
		s := &v.Standings[i]
		l, ok := found[s.TopicPartition]
		if ok && l.Last.Next.Fence == s.Position.Fence {
			s.Last = &l.Last
		}
		s.Moved = l.Moved
		if l.Despite(v.Left, s.Position) {
			s.stored.Left = fencepost.Place{}
		}
	}
	return nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// reconciliation is one pass over partitions that have no position to resume from yet. It reads the ledger, asks the
// brokers, decides, and records the moves that follow. It changes nothing of the engine: Engine.apply does.
//
//	mirror, ledger -> Describe -> LogOffsets -> Reconcile -+-> LogOffsets again -> Reconcile both
//	                                                   +-> Ledger.Move --refused--> all of it again
type reconciliation struct {
	e        *Engine
	snapshot ledger.Snapshot
	about    source.Description
	mirrored map[fencepost.TopicPartition]fencepost.CommittedOffset
	others   int                                           // members of the group beside this one; with a ledger that went back
	left     fencepost.Place                               // where the group went on since the ledger was here
	last     map[fencepost.TopicPartition]ledger.LastMoves // with left
	verdicts map[fencepost.TopicPartition]verdict
	letters  map[fencepost.TopicPartition][]ledger.LetterID // at or past the positions of the verdicts
	proven   map[fencepost.TopicPartition]ledger.Position   // what the ledger held before it was read; with a ledger apart
}

// verdict is what a reconciliation says about one partition.
type verdict struct {
	ledger.Decision
	position ledger.Position      // where it resumes, or where it is stopped; absent where that is unknown
	bounds   fencepost.LogOffsets // as last answered
	code     string               // of a park
	facts    map[string]string
}

// requestTimeout bounds one question to the ledger or the brokers.
const requestTimeout = 10 * time.Second

// resolve returns the resume position of each of tps. An error applies to all of them: they wait, or the engine stops. Moves that
// others were faster with, or whose answer was lost, are decided anew after a pause.
func (e *Engine) resolve(ctx context.Context, tps []fencepost.TopicPartition) (*reconciliation, error) {
	pause := time.Duration(0)
	for tries := 1; ; tries++ {
		s := &reconciliation{e: e, verdicts: map[fencepost.TopicPartition]verdict{}}
		if err := s.ask(ctx); err != nil {
			return nil, err
		}
		e.moved(s.found())
		if err := e.sameLedger(s.snapshot, s.mirrored); err != nil {
			return nil, err
		}
		moves := s.reconcile(ctx, tps)
		s.countOthers(ctx)
		if len(moves) == 0 {
			return s, s.askLetters(ctx)
		}
		err := e.record(ctx, moves)
		if err == nil {
			s.moved(moves)
			return s, s.askLetters(ctx)
		}
		_, lost := errors.AsType[*ledger.Refused](err)
		unknown := errors.Is(err, ledger.ErrUnknown)
		if !lost && !unknown || ctx.Err() != nil {
			return nil, fmt.Errorf("record moves: %w", err)
		}
		pause = longer(pause, 20*time.Millisecond, 2*time.Second)
		in := e.jitter(pause)
		if unknown {
			e.unclear = append(e.unclear, moves...)
			e.emit(Retrying{What: "record moves", Lane: -1, Attempt: tries, In: in, Err: err, Unknown: true})
		}
		select {
		case <-time.After(in):
		case <-ctx.Done():
			return nil, fmt.Errorf("record moves: %w: %w", context.Cause(ctx), err)
		}
	}
}

// found is the moves whose answer was lost and that the ledger holds: they were made. A partition that is still where it was
// may be moved yet; of one that was moved again since, the history alone knows.
func (s *reconciliation) found() (made []ledger.Move) {
	s.e.unclear = slices.DeleteFunc(s.e.unclear, func(m ledger.Move) bool {
		fence := s.snapshot.Positions[m.TopicPartition].Fence
		if fence == m.Next.Fence {
			made = append(made, m)
		}
		return fence != m.Held.Fence
	})
	return made
}

// ask asks what is stored, and then the brokers.
func (s *reconciliation) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := s.askStored(ctx); err != nil {
		return err
	}
	return s.askBrokers(ctx)
}

// askBrokers asks about the cluster and its topics.
func (s *reconciliation) askBrokers(ctx context.Context) (err error) {
	if s.about, err = s.e.cluster.Describe(ctx); err != nil {
		return fmt.Errorf("ask brokers: %w", err)
	}
	return nil
}

// askStored reads the mirror, then the ledger: a mirror is written after its ledger, so a mirror without a ledger is never
// an effect of the order of the questions.
func (s *reconciliation) askStored(ctx context.Context) (err error) {
	if s.e.cfg.Sink.Capabilities().Apart {
		s.proven = s.e.proven()
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if s.mirrored, err = s.e.cluster.CommittedOffsets(ctx, s.e.cfg.Group); err != nil {
		return fmt.Errorf("read the group's offsets: %w", err)
	}
	if s.snapshot, err = s.e.ledger.Read(ctx, s.e.cfg.Group); err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	if err = s.locate(ctx); err != nil {
		return fmt.Errorf("read the ledger's history: %w", err)
	}
	return nil
}

// locate compares the ledger's place with the one that the mirror names. What is committed from now on is mirrored with the
// place of the ledger, once the group is here.
func (s *reconciliation) locate(ctx context.Context) (err error) {
	s.left = ledger.WentOnAt(s.snapshot.Place, s.mirrored)
	if s.left == (fencepost.Place{}) {
		s.e.moveTo(s.snapshot)
		return nil
	}
	s.last, err = ledger.LastMovesIn(ctx, s.e.ledger, s.e.cfg.Group)
	for tp, l := range s.last {
		if l.Despite(s.left, s.snapshot.Positions[tp]) {
			s.e.place.Store(&s.snapshot.Place) // a person said so
		}
	}
	return err
}

// proven is where the held partitions' last commits ended.
func (e *Engine) proven() map[fencepost.TopicPartition]ledger.Position {
	all := map[fencepost.TopicPartition]ledger.Position{}
	for p := range e.every {
		all[p.TopicPartition] = p.Proven()
	}
	return all
}

// stored is what is known of one partition besides what the brokers say of it.
func (s *reconciliation) stored(tp fencepost.TopicPartition) ledger.Stored {
	st := ledger.Stored{TopicPartition: tp, Position: s.snapshot.Positions[tp], Topic: s.snapshot.Topics[tp.Topic],
		ClusterID: s.snapshot.ClusterID, Mirror: -1, Place: s.snapshot.Place, Left: s.left}
	if m, ok := s.mirrored[tp]; ok {
		st.Mirror, st.MirrorFence, st.MirrorPlace = m.Offset, ledger.Fence(m.Fence), m.Place
	}
	if s.last[tp].Despite(s.left, st.Position) {
		st.Left = fencepost.Place{}
	}
	st.ByPattern = !s.e.atStart[tp.Topic]
	return st
}

// reconcile fills s.verdicts and returns the moves that they ask for.
func (s *reconciliation) reconcile(ctx context.Context, tps []fencepost.TopicPartition) []ledger.Move {
	all := s.widen(tps)
	answers := map[fencepost.TopicPartition][]ledger.Answer{}
	s.bounds(ctx, all, answers)
	var again []fencepost.TopicPartition
	for _, tp := range all {
		if s.judge(tp, answers[tp]).Action == ledger.AskAgain {
			again = append(again, tp)
		}
	}
	if len(again) > 0 {
		s.bounds(ctx, again, answers)
		for _, tp := range again {
			s.judge(tp, answers[tp])
		}
	}
	return s.moves(tps, all)
}

// widen adds to tps the partitions that move together with one of them.
func (s *reconciliation) widen(tps []fencepost.TopicPartition) []fencepost.TopicPartition {
	all := append([]fencepost.TopicPartition(nil), tps...)
	seen := map[fencepost.TopicPartition]bool{}
	for _, tp := range tps {
		seen[tp] = true
	}
	widened := map[string]bool{} // :: topic -> that its companions are in all
	for _, tp := range tps {
		if widened[tp.Topic] || !s.together(tp) {
			continue
		}
		widened[tp.Topic] = true
		for p, end := s.companions(tp.Topic); p < end; p++ {
			if other := (fencepost.TopicPartition{Topic: tp.Topic, Partition: p}); !seen[other] {
				seen[other] = true
				all = append(all, other)
			}
		}
	}
	return all
}

// companions is [from, until) of a topic's partitions that move in one move or not at all: all of a topic that is new to
// the ledger or was recreated, or those that were added to it. Else the ledger would count partitions that have no row,
// which another worker would take for lost ones.
func (s *reconciliation) companions(name string) (from, until int32) {
	roster, known := s.snapshot.Topics[name]
	topic := s.about.Topics[name]
	switch {
	case !known || s.recreated(name):
		return 0, topic.Partitions
	case topic.Partitions > roster.Partitions:
		return roster.Partitions, topic.Partitions
	}
	return 0, 0
}

// together reports whether the partition moves with companions.
func (s *reconciliation) together(tp fencepost.TopicPartition) bool {
	from, until := s.companions(tp.Topic)
	return from <= tp.Partition && tp.Partition < until
}

// recreated reports whether the topic is another incarnation than the group's.
func (s *reconciliation) recreated(name string) bool {
	roster, topic, none := s.snapshot.Topics[name], s.about.Topics[name], fencepost.TopicID{}
	return roster.TopicID != none && topic.ID != none && roster.TopicID != topic.ID
}

func (s *reconciliation) bounds(ctx context.Context, tps []fencepost.TopicPartition, into map[fencepost.TopicPartition][]ledger.Answer) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	asks := make([]fencepost.OffsetQuery, len(tps))
	for i, tp := range tps {
		asks[i] = fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: s.epoch(tp)}
		if s.snapshot.Positions[tp].Absent() && s.e.cfg.Policy.Start.Kind == ledger.StartTime {
			asks[i].Time = s.e.cfg.Policy.Start.Time
		}
	}
	got := s.e.cluster.LogOffsets(ctx, asks)
	for _, tp := range tps {
		b, ok := got[tp]
		if !ok {
			b.Err = fencepost.ErrNoAnswer
		}
		into[tp] = append(into[tp], ledger.Answer{LogOffsets: b, ClusterID: s.about.ClusterID})
	}
}

// epoch is the leader epoch of a stored position, of which the brokers are asked where it ended.
func (s *reconciliation) epoch(tp fencepost.TopicPartition) fencepost.LeaderEpoch {
	if pos := s.snapshot.Positions[tp]; !pos.Absent() {
		return pos.LeaderEpoch
	}
	return fencepost.NoEpoch
}

// judge reconciles one partition and keeps the verdict.
func (s *reconciliation) judge(tp fencepost.TopicPartition, answers []ledger.Answer) ledger.Decision {
	st := s.stored(tp)
	v := verdict{position: st.Position, bounds: answers[len(answers)-1].LogOffsets}
	if st.Position.Fence == 0 && !st.Position.Absent() {
		v.Decision = ledger.Decision{Action: ledger.Stop, Reason: "the entry has no fence: another program wrote it"}
		v.code = "foreign-write"
	} else if was := s.proven[tp]; was.Fence == st.Position.Fence && st.Position.Offset < was.Offset {
		v.Decision = ledger.Decision{Action: ledger.Stop, Diverged: -1,
			Reason: fmt.Sprintf("the ledger went back from %d to %d, and the effects did not: going on would repeat them", was.Offset, st.Position.Offset)}
		v.code, v.facts = "ledger-went-back", map[string]string{"applied": fmt.Sprint(was.Offset), "held": fmt.Sprint(st.Position.Offset)}
	} else {
		v.Decision = ledger.Reconcile(st, answers, s.e.cfg.Policy)
		if v.code = v.Verdict.Code(); v.Verdict == ledger.OldPrimary {
			v.facts = map[string]string{"held": fmt.Sprint(st.Position.Offset)}
		}
	}
	s.verdicts[tp] = v
	return v.Decision
}

// countOthers asks who else is in the group where the mirror shows that the ledger went back: a store that was restored has all
// workers with it, and a copy of it has this one alone.
func (s *reconciliation) countOthers(ctx context.Context) {
	for _, v := range s.verdicts {
		if v.WentBack {
			s.others = max(0, s.e.members(ctx)-1)
			return
		}
	}
}

// members is how many members the Kafka group has; 0 where the brokers do not say.
func (e *Engine) members(ctx context.Context) int {
	counter, able := e.cluster.(source.MemberCounter)
	if !able {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	n, err := counter.MemberCount(ctx)
	if err != nil {
		return 0
	}
	return n
}

// moves collects the moves of the verdicts. Partitions that move together move all or not at all.
func (s *reconciliation) moves(tps, all []fencepost.TopicPartition) []ledger.Move {
	held := map[string]string{} // :: topic -> why it cannot move as a whole
	for _, tp := range all {
		if v := s.verdicts[tp]; s.together(tp) && v.Action != ledger.MoveOn {
			held[tp.Topic] = fmt.Sprintf("%s: %s", tp, v.Reason)
		}
	}
	var moves []ledger.Move
	moving := map[string]bool{}
	for _, tp := range all {
		v := s.verdicts[tp]
		if v.Action != ledger.MoveOn {
			continue
		}
		if why, ok := held[tp.Topic]; ok && s.together(tp) {
			v.Decision = ledger.Decision{Verdict: v.Verdict, Action: ledger.Wait, Diverged: -1,
				Reason: "it moves together with the topic's others, and waits for " + why}
			s.verdicts[tp] = v
			continue
		}
		m := v.Move(s.stored(tp), ledger.NewFence(s.e.cfg.Random()))
		if s.together(tp) {
			m.Partitions = s.about.Topics[tp.Topic].Partitions
		}
		moves = append(moves, m)
		moving[tp.Topic] = true
	}
	return append(moves, s.vanished(moving)...)
}

// vanished moves the partitions that a recreated topic no longer has: the ledger changes a topic's incarnation for
// all of its partitions at once.
func (s *reconciliation) vanished(moving map[string]bool) []ledger.Move {
	var moves []ledger.Move
	for name := range moving {
		topic, roster := s.about.Topics[name], s.snapshot.Topics[name]
		if !s.recreated(name) {
			continue
		}
		for p := topic.Partitions; p < roster.Partitions; p++ {
			tp := fencepost.TopicPartition{Topic: name, Partition: p}
			moves = append(moves, ledger.Move{TopicPartition: tp, Held: s.snapshot.Positions[tp],
				Next:  ledger.Position{LeaderEpoch: fencepost.NoEpoch, TopicID: topic.ID, Fence: ledger.NewFence(s.e.cfg.Random())},
				Cause: ledger.CauseStart, AtMost: ledger.UnknownLoss, Partitions: topic.Partitions,
				Why: "the recreated topic has no such partition"})
		}
	}
	return moves
}

// moved takes the recorded moves into the verdicts.
func (s *reconciliation) moved(moves []ledger.Move) {
	for _, m := range moves {
		v := s.verdicts[m.TopicPartition]
		v.position = m.Next
		s.verdicts[m.TopicPartition] = v
	}
}

// record has moves recorded.
func (e *Engine) record(ctx context.Context, moves []ledger.Move) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := e.ledger.Move(ctx, e.writer, moves); err != nil {
		return err
	}
	e.moved(moves)
	return nil
}

// moved counts moves that are recorded, and reports them.
func (e *Engine) moved(moves []ledger.Move) {
	if len(moves) > 0 {
		e.stats.moved(moves)
		e.emit(Moved{Moves: moves})
	}
}

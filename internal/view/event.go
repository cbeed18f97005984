package view

import (
	"errors"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
)

// EventHead begins every event.
type EventHead struct {
	Format int             `json:"format"` // 1: within it names only grow
	Time   Instant         `json:"time"`   // when it was reported
	Group  fencepost.Group `json:"group"`
	Worker string          `json:"worker"` // pid@host
	Event  string          `json:"event"`
}

// The events of a run, as programs read them: each is one of package engine, with the same meaning. What a struct has for several kinds of
// events is left out where it is not of this one, or not known.
type (
	// EventOpened is engine.Opened.
	EventOpened struct {
		EventHead
		Partitions int `json:"partitions"`
	}
	// EventPartitions is engine.Assigned and engine.Revoked.
	EventPartitions struct {
		EventHead
		Lost       bool           `json:"lost,omitzero"`
		Partitions []EventOfTopic `json:"partitions"`
	}
	// EventReconciled is engine.Reconciled.
	EventReconciled struct {
		EventHead
		Partitions []EventReconciliation `json:"partitions"`
	}
	// EventTopics is engine.Weaker.
	EventTopics struct {
		EventHead
		Topics []string `json:"topics"`
	}
	// EventMoved is engine.Moved.
	EventMoved struct {
		EventHead
		Moves []EventMove `json:"moves"`
	}
	// EventCommitted is engine.Committed.
	EventCommitted struct {
		EventHead
		Lane      int          `json:"lane"`
		Rows      int          `json:"rows"`
		Records   int          `json:"records"`
		Bytes     int64        `json:"bytes"`
		Seconds   Age          `json:"seconds"`
		Recovered bool         `json:"recovered"`
		Ranges    []EventRange `json:"ranges"`
	}
	// EventPassed is engine.Passed.
	EventPassed struct {
		EventHead
		Records []EventRecord `json:"records"`
	}
	// EventPartition is engine.Refused, SinkWentBack, Parked, Waiting and Blocked.
	EventPartition struct {
		EventHead
		EventOfTopic
		Code        Word              `json:"code,omitzero"`
		Offset      Number            `json:"offset,omitzero"`
		Held        *Position         `json:"held,omitzero"`     // of refused: what the ledger holds
		Relation    Word              `json:"relation,omitzero"` // of refused
		Unknown     bool              `json:"unknown,omitzero"`  // of refused: the batch may have been applied
		From        Number            `json:"from,omitzero"`     // of sink-went-back
		To          Number            `json:"to,omitzero"`
		Reason      Word              `json:"reason,omitzero"`
		Facts       map[string]string `json:"facts,omitzero"`
		Lost        Number            `json:"lost,omitzero"` // records, at most
		Since       Instant           `json:"since,omitzero"`
		Transaction *EventTransaction `json:"transaction,omitzero"` // of blocked
	}
	// EventTrouble is engine.Retrying, Slow, Silent, Outside, MirrorFailed, ReportFailed, PresenceFailed and LeftBehind.
	EventTrouble struct {
		EventHead
		What    Word    `json:"what,omitzero"`
		Lane    Number  `json:"lane,omitzero"`
		Rows    Number  `json:"rows,omitzero"`
		Attempt Number  `json:"attempt,omitzero"`
		In      Age     `json:"in_seconds,omitzero"`
		For     Age     `json:"for_seconds,omitzero"`
		Left    Age     `json:"left_seconds,omitzero"`
		Since   Instant `json:"since,omitzero"`
		Unknown bool    `json:"unknown,omitzero"` // whether the outcome is
		Ended   bool    `json:"ended,omitzero"`
		Code    Word    `json:"code,omitzero"`
		Error   Word    `json:"error,omitzero"`
	}
	// EventWorkers is engine.WorkersGone and OtherCopy.
	EventWorkers struct {
		EventHead
		Workers []EventWorker `json:"workers"`
		Error   Word          `json:"error,omitzero"`
	}
	// EventPipeline is engine.PipelineChanged and PipelineLeft.
	EventPipeline struct {
		EventHead
		Who         Word              `json:"who"`
		Since       Instant           `json:"since"`
		Differences []EventDifference `json:"differences"`
		Others      int               `json:"others"`
	}
	// EventElsewhere is engine.CommittedElsewhere.
	EventElsewhere struct {
		EventHead
		Partitions []EventGroupOffset `json:"partitions"`
	}
	// EventEnds is engine.EndsFixed and Draining.
	EventEnds struct {
		EventHead
		Partitions Number `json:"partitions,omitzero"`
		Offsets    Number `json:"offsets,omitzero"`
		InFlight   Number `json:"in_flight,omitzero"`
		AtMost     Age    `json:"at_most_seconds,omitzero"`
	}
	// EventStopped is engine.Stopped.
	EventStopped struct {
		EventHead
		Work   Work           `json:"work"`
		Parked []EventOfTopic `json:"parked"`
		Up     Age            `json:"up_seconds"`
		Code   Word           `json:"code"`
		Error  Word           `json:"error"`
	}
)

// EventLeftOut says that so many events before it were left out, since they were reported faster than they were written.
type EventLeftOut struct {
	EventHead
	Events int `json:"events"`
}

// What events are made of.
type (
	// EventOfTopic is a partition.
	EventOfTopic struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
	}
	// EventReconciliation is engine.Reconciliation.
	EventReconciliation struct {
		EventOfTopic
		Verdict Verdict          `json:"verdict"`
		Offset  fencepost.Offset `json:"offset"`
		Running bool             `json:"running"`
		Reason  Word             `json:"reason"`
	}
	// EventMove is a ledger.Move.
	EventMove struct {
		EventOfTopic
		Cause         string    `json:"cause"`
		Held          *Position `json:"held"`
		Next          *Position `json:"next"`
		AtMost        Number    `json:"at_most"`
		AtMostUnknown bool      `json:"at_most_unknown"`
		Why           Word      `json:"why"`
	}
	// EventRange is a part of a commit: the offsets [From, Until).
	EventRange struct {
		EventOfTopic
		From  fencepost.Offset `json:"from"`
		Until fencepost.Offset `json:"until"`
		Rows  int              `json:"rows"`
	}
	// EventRecord is engine.PassedRecord.
	EventRecord struct {
		EventOfTopic
		Offset fencepost.Offset `json:"offset"`
		As     string           `json:"as"`
		Code   string           `json:"code"`
		Reason Word             `json:"reason"`
	}
	// EventTransaction is a source.Transaction.
	EventTransaction struct {
		ProducerID      int64   `json:"producer_id"`
		TransactionalID Word    `json:"transactional_id"`
		From            Number  `json:"from"`
		Since           Instant `json:"since"`
	}
	// EventGroupOffset is engine.Elsewhere.
	EventGroupOffset struct {
		EventOfTopic
		Committed fencepost.Offset `json:"committed"` // by the other program
		Held      fencepost.Offset `json:"held"`      // by the ledger, which decides
	}
	// EventWorker is a ledger.Worker, or ledger.Stranger.
	EventWorker struct {
		Who      string  `json:"who"`
		Member   Word    `json:"member"`
		Instance Word    `json:"instance"`
		Since    Instant `json:"since"`
	}
	// EventDifference is a ledger.Difference.
	EventDifference struct {
		Name string `json:"name"`
		Was  Word   `json:"was"`
		Is   Word   `json:"is"`
	}
)

// NewEvent is an event of a worker of group, reported at a time, as programs read it: one of the structs above. It is nil for
// engine.Progress, which is state and no fact. It keeps nothing of e.
func NewEvent(at time.Time, group fencepost.Group, worker string, e engine.Event) any {
	head := func(name string) EventHead { return EventHead{1, Instant{at}, group, worker, name} }
	switch e := e.(type) {
	case engine.Opened:
		return EventOpened{head("opened"), e.Partitions}
	case engine.Assigned:
		return EventPartitions{EventHead: head("assigned"), Partitions: ofTopics(e.Partitions)}
	case engine.Revoked:
		return EventPartitions{head("revoked"), e.Lost, ofTopics(e.Partitions)}
	case engine.Reconciled:
		return eventReconciled(head("reconciled"), e)
	case engine.Weaker:
		return EventTopics{head("weaker"), append([]string{}, e.Topics...)}
	case engine.Moved:
		return eventMoved(head("moved"), e)
	case engine.Committed:
		return eventCommitted(head("committed"), e)
	case engine.Passed:
		return eventPassed(head("passed"), e)
	case engine.CommittedElsewhere:
		return eventElsewhere(head("committed-elsewhere"), e)
	case engine.WorkersGone:
		return eventWorkersGone(head("workers-gone"), e)
	case engine.OtherCopy:
		return EventWorkers{EventHead: head("other-copy"), Workers: []EventWorker{{Who: e.Who, Member: Word(e.Member)}}}
	case engine.PipelineChanged:
		return EventPipeline{head("pipeline-changed"), Word(e.Was.Who), Instant{e.Was.Since}, differences(e.Differences), e.Others}
	case engine.PipelineLeft:
		return EventPipeline{head("pipeline-left"), Word(e.Is.Who), Instant{e.Is.Since}, differences(e.Differences), 0}
	case engine.EndsFixed:
		return EventEnds{head("ends-fixed"), Number(e.Partitions), Number(e.Offsets), -1, -1}
	case engine.Draining:
		return EventEnds{head("draining"), -1, -1, Number(e.InFlight), Age(e.AtMost)}
	case engine.Stopped:
		code, text := said(e.Err)
		return EventStopped{head("stopped"), work(e.Status), ofTopics(e.Parked), Age(e.Up), code, text}
	}
	if one, is := eventPartition(e, head); is {
		return one
	}
	if one, is := eventTrouble(e, head); is {
		return one
	}
	return nil
}

// eventPartition is an event of one partition that stands still, or that another moved.
func eventPartition(e engine.Event, head func(string) EventHead) (out EventPartition, is bool) {
	out = EventPartition{Offset: -1, From: -1, To: -1, Lost: -1}
	of := func(name string, tp fencepost.TopicPartition) {
		out.EventHead, out.EventOfTopic = head(name), ofTopic(tp)
	}
	switch e := e.(type) {
	case engine.Refused:
		of("refused", e.TopicPartition)
		out.Unknown, out.Relation, out.Held, out.Offset = e.Unknown, Word(e.Relation.String()), position(e.Held), Number(e.Offset)
	case engine.SinkWentBack:
		of("sink-went-back", e.TopicPartition)
		out.From, out.To = Number(e.From), Number(e.To)
	case engine.Parked:
		of("parked", e.TopicPartition)
		out.Code, out.Offset, out.Reason, out.Facts, out.Lost = Word(e.Code), Number(e.Offset), Word(e.Reason), e.Facts, Number(e.Lost)
	case engine.Waiting:
		of("waiting", e.TopicPartition)
		out.Reason = Word(e.Reason)
	case engine.Blocked:
		of("blocked", e.TopicPartition)
		out.Offset, out.Since, out.Reason = Number(e.Offset), Instant{e.Since}, Word(e.Transaction.String())
		if t := e.Transaction; t.ProducerID != 0 || t.TransactionalID != "" {
			out.Transaction = &EventTransaction{t.ProducerID, Word(t.TransactionalID), Number(t.From), Instant{t.Since}}
		}
	default:
		return out, false
	}
	return out, true
}

// eventTrouble is an event of what fails, or takes long.
func eventTrouble(e engine.Event, head func(string) EventHead) (out EventTrouble, is bool) {
	out = EventTrouble{Lane: -1, Rows: -1, Attempt: -1, In: -1, For: -1, Left: -1}
	fails := func(name string, err error) {
		out.EventHead = head(name)
		out.Code, out.Error = said(err)
	}
	switch e := e.(type) {
	case engine.Retrying:
		fails("retrying", e.Err)
		out.What, out.Lane, out.Attempt, out.In, out.Unknown = Word(e.What), Number(e.Lane), Number(e.Attempt), Age(e.In), e.Unknown
		if e.Left > 0 {
			out.Left = Age(e.Left)
		}
	case engine.Slow:
		fails("slow", nil)
		out.What, out.Lane, out.Rows, out.For, out.Ended = Word(e.Wait.Text), Number(e.Lane), Number(e.Rows), Age(e.For), e.Ended
	case engine.Silent:
		fails("silent", e.Err)
		out.Since, out.For, out.Ended = Instant{e.Since}, Age(e.For), e.Ended
	case engine.Outside:
		fails("outside", nil)
		out.Since, out.For, out.Ended = Instant{e.Since}, Age(e.For), e.Ended
	case engine.MirrorFailed:
		fails("mirror-failed", e.Err)
	case engine.ReportFailed:
		fails("report-failed", e.Err)
	case engine.PresenceFailed:
		fails("presence-failed", e.Err)
	case engine.LeftBehind:
		fails("left-behind", e.Err)
		out.What = Word(e.What)
	default:
		return out, false
	}
	return out, true
}

func eventReconciled(h EventHead, e engine.Reconciled) EventReconciled {
	out := EventReconciled{h, make([]EventReconciliation, len(e.Partitions))}
	for i, r := range e.Partitions {
		out.Partitions[i] = EventReconciliation{ofTopic(r.TopicPartition), Verdict(r.Verdict), r.Offset, r.Running, Word(r.Reason)}
	}
	return out
}

func eventMoved(h EventHead, e engine.Moved) EventMoved {
	out := EventMoved{h, make([]EventMove, len(e.Moves))}
	for i, m := range e.Moves {
		out.Moves[i] = EventMove{ofTopic(m.TopicPartition), m.Cause.String(), position(m.Held), position(m.Next), Number(m.AtMost),
			m.AtMost == ledger.UnknownLoss, Word(m.Why)}
	}
	return out
}

func eventCommitted(h EventHead, e engine.Committed) EventCommitted {
	out := EventCommitted{h, e.Lane, e.Rows, e.Records, e.Bytes, Age(e.Took), e.Recovered, make([]EventRange, len(e.Segments))}
	for i, s := range e.Segments {
		out.Ranges[i] = EventRange{ofTopic(s.TopicPartition), s.Range.From, s.Range.Until, s.Rows()}
	}
	return out
}

func eventPassed(h EventHead, e engine.Passed) EventPassed {
	out := EventPassed{h, make([]EventRecord, len(e.Records))}
	for i, r := range e.Records {
		out.Records[i] = EventRecord{ofTopic(r.TopicPartition), r.Offset, r.As.String(), r.Code, Word(r.Reason)}
	}
	return out
}

func eventElsewhere(h EventHead, e engine.CommittedElsewhere) EventElsewhere {
	out := EventElsewhere{h, make([]EventGroupOffset, len(e.Partitions))}
	for i, p := range e.Partitions {
		out.Partitions[i] = EventGroupOffset{ofTopic(p.TopicPartition), p.Committed, p.Held}
	}
	return out
}

func eventWorkersGone(h EventHead, e engine.WorkersGone) EventWorkers {
	out := EventWorkers{EventHead: h, Workers: make([]EventWorker, len(e.Workers))}
	for i, w := range e.Workers {
		out.Workers[i] = EventWorker{w.Who, Word(w.Member), Word(w.Instance), Instant{w.Since}}
	}
	_, out.Error = said(e.Err)
	return out
}

func differences(all []ledger.Difference) []EventDifference {
	out := make([]EventDifference, len(all))
	for i, d := range all {
		out[i] = EventDifference{d.Name, Word(d.Was), Word(d.Is)}
	}
	return out
}

func ofTopic(tp fencepost.TopicPartition) EventOfTopic { return EventOfTopic{tp.Topic, tp.Partition} }

func ofTopics(tps []fencepost.TopicPartition) []EventOfTopic {
	out := make([]EventOfTopic, len(tps))
	for i, tp := range tps {
		out[i] = ofTopic(tp)
	}
	return out
}

// said is the code and the text of an error; of none, neither.
func said(err error) (code, text Word) {
	if err == nil {
		return "", ""
	}
	if fault, ok := errors.AsType[*fencepost.UserError](err); ok {
		code = Word(fault.Code)
	}
	return code, Word(err.Error())
}

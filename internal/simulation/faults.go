package simulation

import (
	"context"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault is one kind of thing that goes wrong. do has it happen once; what lasts ends by w.later.
type fault struct {
	name string
	do   func(*world)
}

// faults is the table.
var faults = []fault{
	{"kill", (*world).killOne},
	{"stop", (*world).stopOne},
	{"freeze", (*world).freezeOne},
	{"scale", (*world).scale},
	{"leaders", func(w *world) { w.note("leaders move"); w.cluster.ShufflePartitionLeaders() }},
	{"coordinator", func(w *world) { w.note("the coordinator moves"); w.cluster.RehashCoordinators() }},
	{"broker away", (*world).brokerAway},
	{"cut", (*world).cutOne},
	{"partitions", (*world).addPartition},
	{"recreated", (*world).recreate},
	{"records deleted", (*world).deleteRecords},
	{"rewind", func(w *world) { w.operate(ledger.CauseRewind) }},
	{"skip", func(w *world) { w.operate(ledger.CauseSkip) }},
	{"transactions", (*world).transaction},
	{"restore", (*world).restore},
	{"lost answers", func(w *world) { w.troubled("answers are lost", trouble{lost: 15, unheard: 20}) }},
	{"slow", func(w *world) { w.troubled("commits are slow", trouble{slow: 25}) }},
	{"store away", func(w *world) { w.storeAway(func() {}) }},
	{"signs lost", func(w *world) { w.note("all signs of life are lost"); w.db.LoseSigns() }},
	{"sign lost", (*world).loseSign},
	{"visitor", (*world).visit},
	{"busy rebalance", func(w *world) { w.troubled("commits are very slow", trouble{slow: 60}); w.visit() }},
	{"moved at work", (*world).operateAtWork},
	{"fetch fails", (*world).failFetch},
	{"offsets refused", (*world).refuseOffsets},
	{"lost seeks", func(*world) {}},   // a worker's client loses some, see client
	{"slow decoder", func(*world) {}}, // see slowly
}

// ending is the end of something that lasts.
type ending struct {
	at time.Time
	do func()
}

// later has the end of something come after d, or when the faults end.
func (w *world) later(d time.Duration, do func()) {
	w.endings = append(w.endings, ending{time.Now().Add(d), do})
}

// end has those endings happen that are due.
func (w *world) end(now time.Time) {
	left := w.endings[:0:0]
	for _, e := range w.endings {
		if e.at.After(now) {
			left = append(left, e)
			continue
		}
		e.do()
	}
	w.endings = left
}

// misfortune has records come and faults happen for as long as the plan says.
func (w *world) misfortune() {
	time.Sleep(time.Second)
	table := map[string]fault{}
	for _, f := range faults {
		table[f.name] = f
	}
	for w.dice.now() < w.plan.For {
		w.end(time.Now())
		w.revive()
		w.log.produce(1 + w.dice.below(12))
		if w.dice.hits(35) {
			table[w.plan.Faults[w.dice.below(len(w.plan.Faults))]].do(w)
		}
		time.Sleep(w.dice.millis(50, 400))
	}
	if w.plan.has("offsets refused") { // the last that a worker mirrors, and what comes behind mends nothing
		w.refuseOffsets()
	}
	w.log.produceEach() // they are under way in the last of the faults, and nothing comes behind them before all is compared
	time.Sleep(w.dice.millis(1, 200))
	w.end(time.Now().Add(time.Hour))
	if w.plan.has("rewind") { // of what is idle by then, and nothing comes behind it
		time.Sleep(w.dice.millis(100, 1000))
		w.operate(ledger.CauseRewind)
	}
	w.note("the last fault is over")
}

// one is a live worker, nil if there is none.
func (w *world) one() *worker {
	live := w.live()
	if len(live) == 0 {
		return nil
	}
	return live[w.dice.below(len(live))]
}

func (w *world) killOne() {
	if k := w.one(); k != nil {
		w.kill(k)
		w.later(w.dice.millis(0, 2500), func() { w.start(k.instance) })
	}
}

func (w *world) stopOne() {
	if k := w.one(); k != nil {
		w.note("%s is stopped", k.name)
		k.over = true
		k.stop()
		w.later(w.dice.millis(4000, 6000), func() { w.replace(k) })
	}
}

// replace starts a stopped worker again. One that has not ended by then is killed, as whatever keeps a service running does.
func (w *world) replace(k *worker) {
	select {
	case <-k.ended:
	default:
		w.kill(k)
	}
	w.start(k.instance)
}

// freezeOne stops a process for less or more than its session.
func (w *world) freezeOne() {
	if k := w.one(); k != nil {
		w.note("%s is frozen", k.name)
		k.host.freeze()
		w.later(w.dice.millis(500, 7000), func() { w.note("%s goes on", k.name); k.host.thaw() })
	}
}

// loseSign has one worker's sign of life end, and the worker live on.
func (w *world) loseSign() {
	k := w.one()
	if k == nil || k.sign.Load() == nil {
		return
	}
	w.note("the sign of %s is lost", k.name)
	w.db.LoseSigns(*k.sign.Load())
}

// visit has a worker come and soon go: partitions move away, and some back to where they were.
func (w *world) visit() {
	if len(w.live()) >= 4 {
		return
	}
	w.start(w.identity(len(w.workers)))
	k := w.workers[len(w.workers)-1]
	w.later(w.dice.millis(200, 3000), func() {
		if !k.over {
			w.note("%s is stopped", k.name)
			k.over = true
			k.stop()
		}
	})
}

// failFetch has the next fetch from a broker fail in a way that no client knows.
func (w *world) failFetch() {
	w.note("a fetch fails")
	id := w.cluster.TopicInfo(topic).TopicID
	w.cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		t := kmsg.NewFetchResponseTopic()
		t.Topic, t.TopicID = topic, id
		for p := range w.plan.Partitions {
			part := kmsg.NewFetchResponseTopicPartition()
			part.Partition, part.ErrorCode = p, kerr.UnknownServerError.Code
			t.Partitions = append(t.Partitions, part)
		}
		resp.Topics = append(resp.Topics, t)
		return resp, nil, true
	})
}

// refuseOffsets has the coordinator refuse the workers' next writes of the group's offsets, as in a rebalance, for a second at most.
func (w *world) refuseOffsets() {
	w.note("offsets are refused")
	until := time.Now().Add(w.dice.millis(100, 1000))
	w.cluster.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if time.Now().After(until) {
			w.cluster.DropControl()
			return nil, nil, false
		}
		w.cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, of := range req.(*kmsg.OffsetCommitRequest).Topics {
			t := kmsg.NewOffsetCommitResponseTopic()
			t.Topic, t.TopicID = of.Topic, of.TopicID
			for _, p := range of.Partitions {
				part := kmsg.NewOffsetCommitResponseTopicPartition()
				part.Partition, part.ErrorCode = p.Partition, kerr.RebalanceInProgress.Code
				t.Partitions = append(t.Partitions, part)
			}
			resp.Topics = append(resp.Topics, t)
		}
		return resp, nil, true
	})
}

func (w *world) scale() {
	if live := w.live(); len(live) < 4 {
		w.start(w.identity(len(w.workers)))
	} else {
		w.note("%s is stopped", live[0].name)
		live[0].over = true
		live[0].stop()
	}
}

func (w *world) brokerAway() {
	address := addresses()[w.dice.below(brokers)]
	w.note("%s is away", address)
	w.network.setDown(address, true)
	w.later(w.dice.millis(300, 5000), func() { w.note("%s is back", address); w.network.setDown(address, false) })
}

func (w *world) cutOne() {
	if k := w.one(); k != nil {
		w.note("the connections of %s are cut", k.name)
		w.network.cut(func(c *conn) bool { return c.host == k.host })
	}
}

func (w *world) addPartition() {
	if w.plan.Partitions < 8 && w.log.open == nil {
		w.note("partition %d is added", w.plan.Partitions)
		w.log.grow()
	}
}

// recreate deletes the topic and makes it anew, once in a simulation.
func (w *world) recreate() {
	if len(w.log.ids) == 1 && w.log.open == nil {
		w.note("the topic is deleted")
		w.log.recreate(w.dice.millis(0, 1500))
		w.note("the topic is there again")
	}
}

// deleteRecords deletes records of a partition, of those too that nobody has applied.
func (w *world) deleteRecords() {
	p := int32(w.dice.below(int(w.plan.Partitions)))
	from, end := w.log.earliest[w.log.now(tp(p))], w.log.ends()[tp(p)]
	if end-from < 4 || w.log.open != nil {
		return
	}
	until := from + fencepost.Offset(1+w.dice.below(int(end-from)/2))
	w.note("records of %d are deleted up to %d", p, until)
	w.log.remove(p, until)
}

// operate has a person move a position.
func (w *world) operate(cause ledger.Cause) {
	w.operateOn(tp(int32(w.dice.below(int(w.plan.Partitions)))), cause)
}

// operateAtWork has a person move a position while a commit of it is at the store, if one is within half a second.
func (w *world) operateAtWork() {
	w.log.produceEach()
	for range 100 {
		if busy := w.db.underWay(); len(busy) > 0 {
			w.operateOn(busy[w.dice.below(len(busy))], []ledger.Cause{ledger.CauseRewind, ledger.CauseSkip}[w.dice.below(2)])
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *world) operateOn(at fencepost.TopicPartition, cause ledger.Cause) {
	for range 5 {
		snap, err := w.db.Read(context.Background(), group)
		held := snap.Positions[at]
		if err != nil || held.Absent() || held.TopicID != w.log.id {
			return
		}
		from, until := w.log.earliest[w.log.now(at)], held.Offset
		if cause == ledger.CauseSkip {
			from, until = held.Offset, w.log.ends()[at]
		}
		if until <= from {
			return
		}
		if cause == ledger.CauseRewind && w.dice.hits(40) {
			from = until // it stays where it is, under another fence: what a worker has in hand is refused by that alone
		}
		next := held
		next.Offset, next.LeaderEpoch, next.Fence = from+fencepost.Offset(w.dice.below(int(until-from)+1)), fencepost.NoEpoch, ledger.NewFence(w.dice.random())
		m := ledger.Move{TopicPartition: at, Held: held, Next: next, Cause: cause, AtMost: max(0, int64(next.Offset-held.Offset)), Why: "simulated"}
		a := ledger.Actor{Group: group, Who: "operator"}
		if w.db.move(a, m) == nil {
			return
		}
		time.Sleep(w.dice.millis(1, 5))
	}
}

func (w *world) transaction() {
	if w.log.open != nil {
		return
	}
	w.log.begin(1 + w.dice.below(10))
	how := kgo.TryCommit
	if w.dice.hits(40) {
		how = kgo.TryAbort
	}
	w.later(w.dice.millis(0, 3000), func() { w.log.end(how) })
}

// restore saves the database, or puts back what was saved before.
func (w *world) restore() {
	if w.saved.backup == nil {
		w.saved = w.db.save()
		return
	}
	image := w.saved
	w.saved = image0
	w.storeAway(func() { w.note("the database is restored"); w.db.restore(image) })
}

// image0 is no image.
var image0 image

// storeAway takes the database away for a while. back is what happens to it meanwhile.
func (w *world) storeAway(back func()) {
	if w.db.isAway() {
		return
	}
	w.note("the database is away")
	w.db.setAway(true)
	w.later(w.dice.millis(200, 4000), func() { back(); w.note("the database is back"); w.db.setAway(false) })
}

// troubled has the database do something to requests for a while.
func (w *world) troubled(what string, t trouble) {
	w.note("%s", what)
	w.db.set(t)
	w.later(w.dice.millis(500, 5000), func() { w.db.set(trouble{}) })
}

package assignment

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// State is what the partition does.
func (p *Partition) State() State { return p.state }

// Runs reports whether it is Running.
func (p *Partition) Runs() bool { return p.state == Running }

// Gone reports whether it was revoked or lost.
func (p *Partition) Gone() bool { return p.gone }

// Why is the code of what parked it, and the reason why it is parked or waiting.
func (p *Partition) Why() (code, reason string) { return p.code, p.reason }

// Session is the number of the session: what was formed in an earlier one is void.
func (p *Partition) Session() uint64 { return p.session }

// Current reports whether what was formed in a session may still be committed.
func (p *Partition) Current(session uint64) bool { return !p.gone && p.session == session }

// Done is the committed position.
func (p *Partition) Done() ledger.Position { return p.done }

// Formed is the position behind the batches that are formed.
func (p *Partition) Formed() ledger.Position { return p.formed }

// Proven is where the last commit of this worker ended.
func (p *Partition) Proven() ledger.Position { return p.proven }

// Base is where this worker took the partition up; negative: nowhere yet.
func (p *Partition) Base() fencepost.Offset { return p.base }

// End is where the run ends here; negative: nowhere.
func (p *Partition) End() fencepost.Offset { return p.end }

// NewestAt is the timestamp of the newest committed record, in Unix milliseconds; 0: none.
func (p *Partition) NewestAt() int64 { return p.newest }

// DurableAt is when this worker's last commit of the partition was known to be durable; zero: there was none yet.
func (p *Partition) DurableAt() time.Time { return p.latest }

// Log is what the brokers said last of the log: its last stable offset and its high watermark; below 0: nothing yet.
func (p *Partition) Log() (stable, high fencepost.Offset) { return p.stable, p.high }

// Exhausted reports whether nothing in front of the run's end is left in the log.
func (p *Partition) Exhausted() bool { return p.exhausted }

// Silent reports whether the brokers do not answer for it.
func (p *Partition) Silent() bool { return !p.silent.IsZero() }

// IsBlocked reports whether it was reported that a transaction holds it back.
func (p *Partition) IsBlocked() bool { return p.blockedTold }

// Probing reports whether the record that parked it is being tried again.
func (p *Partition) Probing() bool { return p.probing }

// BadAt is the record that parks it. ok is false if something else does.
func (p *Partition) BadAt() (at fencepost.Offset, ok bool) {
	return p.badAt, p.bad && p.state == Parked
}

// Pausing reports whether the source is still to be paused.
func (p *Partition) Pausing() bool { return p.pausing }

// Queued is how many entries wait for a batch, how many bytes they take, and when the oldest of them came.
func (p *Partition) Queued() (records int, bytes int64, oldest time.Time) {
	return p.queue.records, p.queue.bytes, p.queue.oldest
}

// Ready is Queued of the entries that may go into the next batch. Behind a record that is tested nothing is taken before
// that is in: a test is as small as it can be.
func (p *Partition) Ready() (records int, bytes int64, oldest time.Time) {
	records, bytes, oldest = p.Queued()
	if most := max(0, int64(p.badAt-p.formed.Offset)+1); p.probing && most < int64(records) {
		return int(most), bytes / int64(records) * most, oldest
	}
	return records, bytes, oldest
}

// Held reports whether a record of it could not be decoded yet: it waits, or is being tried again.
func (p *Partition) Held() bool { return p.held >= 0 }

// HeldAt is that record; negative: there is none.
func (p *Partition) HeldAt() fencepost.Offset { return p.held }

// Due reports whether it is to be reconciled now. One whose records in front of a held one are still on their way into the sink
// is due when they are in: to reconcile it before would void them.
func (p *Partition) Due(now time.Time) bool {
	return p.state == Pending && !p.fresh || p.state == Waiting && !now.Before(p.retryAt) && p.emptied()
}

func (p *Partition) emptied() bool { return p.held < 0 || p.Idle() }

// RetryAt is when a Waiting partition is reconciled again; the zero time: it does not wait, or for its own records first.
func (p *Partition) RetryAt() time.Time {
	if p.state != Waiting || !p.emptied() {
		return time.Time{}
	}
	return p.retryAt
}

// Testable reports whether a parked partition is to be tested again. One whose records in front of a bad one are still on
// their way into the sink is tested when they are in: to reconcile it before would void them.
func (p *Partition) Testable(now time.Time) bool {
	return p.state == Parked && p.Idle() && !now.Before(p.testAt)
}

// Idle reports whether nothing of the partition is queued or on its way into the sink.
func (p *Partition) Idle() bool { return p.queue.records == 0 && !p.decoding && p.done == p.formed }

// Finished reports whether a run with an end has nothing left to do here. Where a partition does not run, its position
// may be one of another log: the end of a recreated topic is below it.
func (p *Partition) Finished() bool {
	return p.end >= 0 && p.state == Running && (p.done.Offset >= p.end || p.exhausted && p.Idle())
}

// SameStop reports whether a partition is stopped as it was before, so that there is nothing to report: parked for
// the same cause at the same place, whatever its reason counts meanwhile; or waiting for the same answer.
func (p *Partition) SameStop(before *Partition) bool {
	return p.state == before.state && (p.state == Parked && p.code == before.code && p.done == before.done ||
		p.state == Waiting && p.reason == before.reason)
}

// InLog reports whether the partition's position is a place in the log as it is now, so that a lag can be counted from
// it: not where the topic is another one, or is gone, or the log was cut short below it.
func (p *Partition) InLog() bool {
	return p.state == Running || p.Held() || p.state == Parked && p.code != "recreated" && p.code != "truncated" && p.code != "topic-missing"
}

// LagKnown reports whether Lag is so now: the brokers have said where the log ends, still answer, and the position is a place in it.
func (p *Partition) LagKnown() bool { return p.InLog() && p.high >= 0 && !p.Silent() }

// Lag is how many offsets are left, as far as is known.
func (p *Partition) Lag() int64 {
	to := p.high
	if p.end >= 0 {
		to = min(to, p.end)
	}
	return max(0, int64(to-p.done.Offset))
}

// Fresh reports whether the partition was not reconciled yet since it was assigned.
func (p *Partition) Fresh() bool { return p.fresh }

package engine

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// Event is a fact about a run, reported once and in order. Logs, the progress bar, metrics and tests receive the same ones,
// through Config.Events or Engine.Subscribe.
type Event interface{ event() }

type (
	// Opened: brokers, ledger and sink have answered, and take what the run is about. It comes first, but for Retrying.
	Opened struct {
		Partitions int // of the topics that the run takes, whoever holds them
	}
	// Assigned: the worker holds these partitions now.
	Assigned struct{ Partitions []fencepost.TopicPartition }
	// Revoked: the worker let these partitions go; Lost says that they belonged to another one already.
	Revoked struct {
		Partitions []fencepost.TopicPartition
		Lost       bool
	}
	// Reconciled: what each of these partitions' stored position is worth, and where they go on. At an assignment,
	// after a refusal, and when a parked or waiting partition goes on again.
	Reconciled struct{ Partitions []Reconciliation }
	// Weaker: these topics can be checked by offsets and epochs only, for the brokers are older than topic IDs, or the
	// stored positions are. Reported once a run for each topic.
	Weaker struct{ Topics []string }
	// Moved: moves other than commits were recorded.
	Moved struct{ Moves []ledger.Move }
	// Committed: a batch's effects and moves are durable. Segments is valid during the call only.
	Committed struct {
		Lane     int
		Rows     int
		Records  int   // that have rows: one each, where the decoder does not explode them
		Bytes    int64 // of its records, decompressed
		Segments []fencepost.Segment
		Took     time.Duration // from the first attempt on
		// Recovered: the answer was lost, and the next compare-and-set showed that the commit had happened.
		Recovered bool
	}
	// Passed: bad records that Config.OnError passes are durable, in the commit of their batch. Reported once for each
	// batch that has any. Records is valid during the call only.
	Passed struct {
		Lane    int
		Records []PassedRecord // in partition and offset order
	}
	// Refused: the ledger held something else than this worker; its batch of the partition was dropped.
	Refused struct {
		fencepost.TopicPartition
		// Unknown: the answer to an earlier try was lost, so that the batch may have been applied before the partition was
		// moved.
		Unknown  bool
		Relation ledger.Relation
		Held     ledger.Position  // what the ledger holds
		Offset   fencepost.Offset // this worker's position
	}
	// SinkWentBack: same Fence, ledger behind: the store was restored or failed over. The worker goes on from there.
	SinkWentBack struct {
		fencepost.TopicPartition
		From, To fencepost.Offset
		// Others is how many other members of the group were live where the group's offsets in Kafka are what was ahead: they may
		// be at another server. 0: none, or it was this worker that was ahead.
		Others int
	}
	// Parked: the partition stops until the cause is mended; it is tested again every watch interval, or less often
	// where a test takes long.
	Parked struct {
		fencepost.TopicPartition
		Code   string // kebab-case: truncated, record-undecodable
		Offset fencepost.Offset
		Reason string
		// Facts are what a remedy has to name besides the code. Where a record parks the partition: record, its offset, and
		// watch, how often it is tried again; timeout, where its commit was given up after that. Of ledger-went-back: applied and held, the two positions. Else nil.
		Facts map[string]string
		Lost  int64 // most records that are gone unapplied; ledger.UnknownLoss if they cannot be counted
	}
	// Waiting: the partition waits for an answer and goes on by itself.
	Waiting struct {
		fencepost.TopicPartition
		Reason string
	}
	// Blocked: an open transaction keeps a read_committed reader from going on. Reported once, from the second watch on that
	// finds position and last stable offset where they were.
	Blocked struct {
		fencepost.TopicPartition
		Offset fencepost.Offset
		Since  time.Time // when this worker saw it first
		// Transaction is what holds it back; zero: the brokers do not name it.
		Transaction source.Transaction
	}
	// Retrying: a commit, or a request to the ledger or the brokers, failed in a way that passes.
	Retrying struct {
		What    string // commit, record moves, watch, open
		Lane    int    // -1: not a lane's
		Attempt int
		In      time.Duration
		Err     error
		Unknown bool // the outcome is unknown: the next compare-and-set shows it
		// Left is how long it is tried still, of an open that does not wait for ever; 0: as long as it takes. An open is reported again
		// at growing intervals, and when it fails in another way.
		Left time.Duration
	}
	// Slow: a commit has taken that long and goes on. It is given up after Config.CommitTimeout. It is reported again at growing
	// intervals, and once more when it has ended.
	Slow struct {
		Lane, Rows int
		For        time.Duration
		Wait       sink.Wait // what it waits for, as far as the store shows it
		Ended      bool      // the try is over: Committed or Retrying says how
	}
	// Silent: no broker has answered since then. It is reported again at growing intervals, and once more when one answers.
	Silent struct {
		Since time.Time
		For   time.Duration
		Err   error // of the last question; nil where Ended
		Ended bool  // a broker answers again
	}
	// Outside: brokers answer, and the worker is not a member of its group: it has not joined yet, or lost its membership and has not
	// joined again. It is reported again at growing intervals, and once more when the worker is a member.
	Outside struct {
		Since time.Time
		For   time.Duration
		Ended bool // it is a member now
	}
	// MirrorFailed: committed offsets could not be copied for other tools. The ledger is not concerned. It is tried again, and reported
	// once, until a write succeeds.
	MirrorFailed struct {
		Mirror int // 0: the Kafka group's; else the place in Config.Mirrors, from 1
		Err    error
	}
	// ReportFailed: why partitions stand still could not be kept in the ledger, so that only this worker knows it. Reported
	// once, until it can be again. Nothing of what is applied hangs on it.
	ReportFailed struct{ Err error }
	// WorkersGone: the signs of life of other workers have ended without a goodbye, and the group was told that they have left, so
	// that their partitions wait for no session timeout. Err: it was not told, or it could not be kept that it was.
	WorkersGone struct {
		Workers []ledger.Worker
		Err     error
	}
	// PresenceFailed: this worker has no sign of life in the ledger's store, so that its partitions, if it dies, wait for the end of
	// its session. Reported once, until it has one. Nothing of what is applied hangs on it.
	PresenceFailed struct{ Err error }
	// OtherCopy: a worker of another copy of this ledger is a live member of the group, and came later than this worker: a cloned
	// database, or an old primary beside the promoted one. Each of them applies a part of the records. Reported once for each such worker.
	OtherCopy struct{ ledger.Stranger }
	// PipelineChanged: the group did something else until now. This worker has begun all the same, since nothing of where
	// records go has changed and no other worker was live, or since Config.Changed says that it is meant.
	PipelineChanged struct {
		Was         ledger.Pipeline
		Differences []ledger.Difference // what this worker does otherwise
		Others      int                 // members of the group that were live, and go on as before until they are started anew
	}
	// PipelineLeft: another worker has begun with another pipeline since. This one goes on with its own until it is started
	// anew. Reported once for each such worker.
	PipelineLeft struct {
		Is          ledger.Pipeline
		Differences []ledger.Difference // what that one does otherwise
	}
	// Progress: a summary, several times a second while something changes, else once a second.
	Progress struct{ Status }
	// EndsFixed: a run with an end knows where it is.
	EndsFixed struct {
		Partitions int
		Offsets    int64 // from the positions to the ends
	}
	// Draining: the run is ending; InFlight batches are being committed.
	Draining struct {
		InFlight int
		AtMost   time.Duration
	}
	// LeftBehind: something that ends with the run failed or did not end in time, and the run ended without it: the group
	// was not left (its partitions go to others after the session timeout), a session of the sink was not closed. Nothing
	// that was committed hangs on it.
	LeftBehind struct {
		What string // leave group, close lane 0, poll, watch, mirror
		Err  error
	}
	// Stopped: the last event of a run.
	Stopped struct {
		Status
		Parked []fencepost.TopicPartition // as the run left them, in order
		Up     time.Duration
		Err    error
	}
)

// Reconciliation is one partition's part of Reconciled.
type Reconciliation struct {
	fencepost.TopicPartition
	Verdict ledger.Verdict
	Offset  fencepost.Offset // where it resumes, or where it is stopped
	Running bool
	Reason  string
}

// PassedRecord is one record of Passed.
type PassedRecord struct {
	fencepost.TopicPartition
	Offset       fencepost.Offset
	As           Treatment // Skip or DeadLetter
	Code, Reason string
}

// Status is what a run has done so far, and the state of its partitions now.
type Status struct {
	Records   int64 // rows applied by this worker
	Commits   int64
	Bytes     int64
	Gaps      int64     // gap and skip moves recorded by this worker
	Skipped   int64     // bad records that were passed and left to the history
	Letters   int64     // bad records that were passed and kept as dead letters
	Done      int64     // with an end: offsets from the first position to now, all partitions that this worker holds
	Total     int64     // with an end: offsets from the first position to the end, all partitions that this worker holds
	Lag       int64     // see LagKnown; HighWatermark - Offset over held partitions, parked ones too, whose position is a place in the log
	Oldest    time.Time // timestamp of the newest applied record of the partition that lags most; zero: no lag
	CommitP50 time.Duration
	Queued    int64 // bytes of records that wait for a batch, decompressed
	Running   int
	Blocked   int
	Waiting   int
	Parked    int
	Unknown   int  // held partitions of which no broker says where their log ends: Lag counts what was last known of them
	Silent    bool // no broker answers
	Outside   bool // the worker is not a member of its group
}

// LagKnown reports whether Lag says anything: brokers answer, the worker is a member of its group, and the lag of at least one of
// the partitions it holds is known. Where Unknown is above 0 besides, the lag is at least Lag.
func (s Status) LagKnown() bool {
	held := s.Running + s.Blocked + s.Waiting + s.Parked
	return !s.Silent && !s.Outside && (held == 0 || s.Unknown < held)
}

func (Opened) event()          {}
func (Assigned) event()        {}
func (Revoked) event()         {}
func (Reconciled) event()      {}
func (Weaker) event()          {}
func (Moved) event()           {}
func (Committed) event()       {}
func (Passed) event()          {}
func (Refused) event()         {}
func (SinkWentBack) event()    {}
func (Parked) event()          {}
func (Waiting) event()         {}
func (Blocked) event()         {}
func (Retrying) event()        {}
func (Slow) event()            {}
func (Silent) event()          {}
func (Outside) event()         {}
func (MirrorFailed) event()    {}
func (ReportFailed) event()    {}
func (Progress) event()        {}
func (EndsFixed) event()       {}
func (Draining) event()        {}
func (LeftBehind) event()      {}
func (Stopped) event()         {}
func (PipelineChanged) event() {}
func (PipelineLeft) event()    {}
func (WorkersGone) event()     {}
func (PresenceFailed) event()  {}
func (OtherCopy) event()       {}

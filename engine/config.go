package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// Config is all that an engine needs. Source and Sink have no default; the zero value of every other field has the
// meaning that it names.
type Config struct {
	// Group is the one that the Source joins. Empty: the Source is asked, if it has a method Group() fencepost.Group,
	// as kafka.Source has. Another than the Source's is refused: ledger and mirror would be of different groups.
	Group  fencepost.Group
	Source source.Source
	Sink   sink.Sink
	// Decoder makes the decoder of one lane. nil: JSON fields, of the columns that a typed handler's struct wants
	// (sink.Typed); with any other sink it is refused, since every value would be dropped. decode.None says that no value
	// is wanted.
	Decoder func() fencepost.Decoder
	Policy  ledger.Policy
	// OnError says what becomes of records that cannot be applied. Zero: each parks its partition.
	OnError OnError

	Batch BatchBounds
	// Memory bounds the records that wait for a batch, in decompressed bytes; batches come on top, at most two a
	// lane of Batch.Bytes each. 0: 64 MiB.
	Memory int64
	// Rate is the most records a second that this worker applies, shared by lag. 0: no limit.
	Rate int
	// Lanes is how many commits run side by side. 0: one; the sink's own bound holds too.
	Lanes int

	// Until ends the run once every partition of the topics has reached the end it had when the run began.
	Until Until
	// Wait is how long a run with an end waits for partitions that do not answer or are blocked, and for a store that takes
	// no commit, once nothing else is left to do. 0: 60 s.
	Wait time.Duration
	// StartWait is how long a start waits for brokers and stores that do not serve (UserError.Passing: they are away, or start). 0: only
	// for a server that answers that it starts, as long as it takes. Negative: for none.
	StartWait time.Duration
	// Resume refuses a ledger that does not know the group.
	Resume bool
	// Uncommitted says that the source reads uncommitted: the end of a partition is then its high watermark, and
	// else its last stable offset.
	Uncommitted bool

	// Mirrors are kept up to date with what is committed, besides the Kafka group, for other tools that read them: the
	// range since the last write. They are never read back, and what becomes of them slows or stops nothing. They are
	// the caller's to close.
	Mirrors []Mirror

	Watch time.Duration // re-reads positions and bounds, tests what is parked. 0: 5 s
	// CommitTimeout bounds one try of a commit. Then its connection is closed, and its outcome is found by the next
	// compare-and-set; what takes longer again is committed in smaller batches, and a record that does alone parks its
	// partition. 0: 30 s
	CommitTimeout time.Duration
	Drain         time.Duration // how long a stop waits for commits under way; it ends two seconds later at most. 0: 30 s
	Rebalance     time.Duration // the group's rebalance timeout; each of its callbacks answers within half of it. 0: 60 s

	// Does is what the pipeline does with a record: where it goes, and what becomes of it on the way. It is kept with the
	// group, and another worker that does something else is refused, as ledger.Admit says. nil: neither.
	Does []ledger.Part
	// Changed says that what Does says otherwise than the group did until now is meant: a move in place records it, with
	// Why as its reason.
	Changed bool
	Why     string

	Who string // names this worker in recorded moves: pid@host
	// Events receives each event, in order, one call at a time, as the first of those that Engine.Subscribe adds; it must
	// not block. nil: Warnings of slog.Default(), so that a partition that parks, or a handler that fails again and again,
	// is never silent.
	Events func(Event)
	Random func() uint64 // for fences and jitter. nil: crypto/rand
}

// BatchBounds says when gathered records become a batch. A batch is cut when it is full (Records or Bytes), or when
// the lane is idle and it holds MinRows and its oldest record is Wait old, or MaxWait has passed.
type BatchBounds struct {
	Records int           // most records in a batch. 0: 20,000
	Bytes   int64         // most bytes of records in a batch, decompressed; at most MaxBatchBytes. 0: 16 MiB
	Wait    time.Duration // how long a batch gathers at least. 0: not at all, it is cut as soon as the lane is idle
	MinRows int           // fewer records wait up to MaxWait. 0: 1
	MaxWait time.Duration // 0: MinRows does not hold a batch back
}

// MaxBatchBytes is the most that BatchBounds.Bytes may be: a quarter of what a fencepost.Column holds, for a decoder may
// make more of a record than it is (headers grow by a third as text).
const MaxBatchBytes = 1 << 30

// Until says whether and where a run ends by itself.
type Until struct {
	End  bool      // at the ends as they are when the run begins
	Time time.Time // at the first record of this time or later, where set
	// Offsets ends the run exactly there, in these partitions: no record at or past one is applied, and where nothing
	// is left in front of it, the position reaches it all the same. Other partitions have no part in the run. An offset
	// past a partition's end ends the run before anything is applied, with the UserError range-outside.
	Offsets map[fencepost.TopicPartition]fencepost.Offset
}

// Set reports whether the run has an end.
func (u Until) Set() bool { return u.End || !u.Time.IsZero() || u.Offsets != nil }

// takes reports whether a partition has a part in the run.
func (u Until) takes(tp fencepost.TopicPartition) bool {
	_, named := u.Offsets[tp]
	return u.Offsets == nil || named
}

// groupOf is the group that a Source joins, empty if it does not say.
func groupOf(s source.Source) fencepost.Group {
	if g, ok := s.(interface{ Group() fencepost.Group }); ok {
		return g.Group()
	}
	return ""
}

// withDefaults fills what was left out.
func (c Config) withDefaults() Config {
	set(&c.Batch.Records, 20_000)
	set(&c.Batch.Bytes, 16<<20)
	set(&c.Batch.MinRows, 1)
	set(&c.Memory, 64<<20)
	set(&c.Lanes, 1)
	set(&c.Wait, time.Minute)
	set(&c.Watch, 5*time.Second)
	set(&c.Drain, 30*time.Second)
	set(&c.CommitTimeout, 30*time.Second)
	set(&c.Rebalance, time.Minute)
	if c.Sink != nil {
		t := c.Sink.Capabilities()
		if t.Lanes > 0 {
			c.Lanes = min(c.Lanes, t.Lanes)
		}
		if t.Records > 0 {
			c.Batch.Records = min(c.Batch.Records, t.Records)
			c.Batch.MinRows = min(c.Batch.MinRows, t.Records)
		}
	}
	c.OnError = c.OnError.withDefaults()
	if c.Events == nil {
		c.Events = Warnings(slog.Default())
	}
	if c.Random == nil {
		c.Random = cryptoRandom
	}
	return c
}

// invalid is why a source that was made without an error cannot be used.
func invalid(s source.Source) error {
	if i, ok := s.(sink.Invalid); ok {
		return i.Invalid()
	}
	return nil
}

// decoderFor decodes JSON fields into the columns that a typed handler wants.
func decoderFor(t sink.Typed) (func() fencepost.Decoder, error) {
	var fields []decode.Field
	required, optional := t.RowColumns()
	for _, c := range required {
		fields = append(fields, decode.Field{Column: c.Name, Type: c.Type})
	}
	for _, c := range optional {
		fields = append(fields, decode.Field{Column: c.Name, Type: c.Type, Missing: decode.Null()})
	}
	if len(fields) == 0 {
		return decode.None, nil
	}
	return decode.JSON(decode.Config{Fields: fields})
}

func set[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// validate joins all errors of a configuration, each with its field's name.
func (c Config) validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("engine.Config.%s: "+format, append([]any{field}, args...)...))
	}
	switch joins := groupOf(c.Source); {
	case c.Group == "":
		bad("Group", "is empty, and the source does not say one")
	case joins != "" && joins != c.Group:
		bad("Group", "is %s, but the source joins %s: leave this one out", c.Group, joins)
	}
	if c.Source == nil {
		bad("Source", "is nil")
	} else if err := invalid(c.Source); err != nil {
		bad("Source", "%w", err)
	}
	if c.Sink == nil {
		bad("Sink", "is nil")
	} else if s, ok := sink.As[sink.Invalid](c.Sink); ok && s.Invalid() != nil {
		bad("Sink", "%w", s.Invalid())
	}
	if err := c.OnError.validate(c.Sink); err != nil {
		bad("OnError", "%w", err)
	}
	if slices.Contains(c.Mirrors, nil) {
		bad("Mirrors", "one is nil")
	}
	if _, typed := sink.As[sink.Typed](c.Sink); c.Decoder == nil && !typed {
		bad("Decoder", "is nil, so that every value would be dropped; decode.None says that none is wanted")
	}
	if c.Batch.Records < 0 || c.Batch.Bytes < 0 || c.Batch.MinRows < 0 || c.Batch.Wait < 0 || c.Batch.MaxWait < 0 {
		bad("Batch", "has a negative bound")
	}
	if c.Batch.Bytes > MaxBatchBytes {
		bad("Batch.Bytes", "%d is more than %d", c.Batch.Bytes, MaxBatchBytes)
	}
	if c.Batch.Records > 0 && c.Batch.MinRows > c.Batch.Records {
		bad("Batch", "MinRows %d is more than Records %d", c.Batch.MinRows, c.Batch.Records)
	}
	if c.Batch.MinRows > 1 && c.Batch.MaxWait == 0 {
		bad("Batch", "MinRows %d without MaxWait would never hold a batch back", c.Batch.MinRows)
	}
	if c.Rate < 0 || c.Memory < 0 || c.Lanes < 0 {
		bad("Rate, Memory, Lanes", "one is negative")
	}
	if c.Watch < 0 || c.Drain < 0 || c.Wait < 0 || c.Rebalance < 0 || c.CommitTimeout < 0 {
		bad("Watch, Drain, Wait, Rebalance, CommitTimeout", "one is negative")
	}
	return errors.Join(errs...)
}

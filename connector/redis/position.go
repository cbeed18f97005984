package redis

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// version is that of the format below. A head with a larger one was written by a newer program.
const version = "1"

// A position's value begins as pattern A's does, so that its readers, which split at | and take the first two fields,
// read ours:
//
//	from | until | fence | epoch | topic ID | run from | run epoch | run commits | run at | run who
//	 100 |  160  | 00a3… |   7   |  AAEC…   |    0     |     -1    |      3      | 16…    | 4711@h
//	 '--pattern A--'     '- ours, always --'  '--- the open run of merged commits, if there is one ---'
const (
	fieldsForeign = 2
	fieldsPlain   = 5
	fieldsRun     = 10
)

// hold is what a value says.
type hold struct {
	ledger.Position
	run *ledger.Recorded // the open run of merged commits; nil: none
}

// field is a partition's field in the hash.
func field(tp fencepost.TopicPartition) string {
	return tp.Topic + "|" + strconv.Itoa(int(tp.Partition))
}

// parseField reads a field from the right.
func parseField(s string) (tp fencepost.TopicPartition, err error) {
	i := strings.LastIndexByte(s, '|')
	if i < 0 {
		return tp, fmt.Errorf("field %q is not topic|partition", s)
	}
	p, err := strconv.ParseInt(strings.TrimSpace(s[i+1:]), 10, 32)
	if err != nil || p < 0 {
		return tp, fmt.Errorf("field %q is not topic|partition", s)
	}
	return fencepost.TopicPartition{Topic: s[:i], Partition: int32(p)}, nil
}

// tail is a position behind `from|`.
func tail(p ledger.Position) string { return string(appendTail(make([]byte, 0, 80), p)) }

func appendTail(b []byte, p ledger.Position) []byte {
	b = append(strconv.AppendInt(b, int64(p.Offset), 10), '|')
	b = append(appendFence(b, p.Fence), '|')
	b = append(strconv.AppendInt(b, int64(p.LeaderEpoch), 10), '|')
	if p.TopicID == (fencepost.TopicID{}) {
		return append(b, p.TopicID.String()...)
	}
	return base64.RawURLEncoding.AppendEncode(b, p.TopicID[:])
}

// appendValue appends what the hash holds behind a move, without an open run.
func appendValue(b []byte, m ledger.Move) []byte {
	from := m.Next.Offset
	if m.Cause == ledger.CauseCommit {
		from = m.Held.Offset // else nothing was applied, and after a rewind it would be greater than until
	}
	return appendTail(append(strconv.AppendInt(b, int64(from), 10), '|'), m.Next)
}

// appendFence appends a fence as its String does, without fmt: a commit of 10,000 partitions has 20,000 of them.
func appendFence(b []byte, f ledger.Fence) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[uint64(f)>>shift&15])
	}
	return b
}

// appendExpected appends the form that the script compares with what the hash holds: empty for absent, `|until|fence|` for
// ours, `=until` for another program's.
func appendExpected(b []byte, p ledger.Position) []byte {
	switch {
	case p.Absent():
		return b
	case p.Fence == 0:
		return strconv.AppendInt(append(b, '='), int64(p.Offset), 10)
	}
	b = strconv.AppendInt(append(b, '|'), int64(p.Offset), 10)
	return append(appendFence(append(b, '|'), p.Fence), '|')
}

// parse reads a value.
func parse(tp fencepost.TopicPartition, s string) (h hold, err error) {
	f := strings.SplitN(s, "|", fieldsRun)
	if len(f) == fieldsForeign {
		if _, err := offset(strings.TrimSpace(f[0])); err != nil {
			return h, fmt.Errorf("value %q of %s: %w", s, tp, err)
		}
		o, err := offset(strings.TrimSpace(f[1]))
		if err != nil {
			return h, fmt.Errorf("value %q of %s: %w", s, tp, err)
		}
		h.Position = ledger.Position{Offset: o, LeaderEpoch: fencepost.NoEpoch}
		return h, nil
	}
	if len(f) != fieldsPlain && len(f) != fieldsRun {
		return h, fmt.Errorf("value %q of %s: %d fields", s, tp, len(f))
	}
	if h.Position, err = position(f[1], f[2], f[3], f[4]); err != nil {
		return h, fmt.Errorf("value %q of %s: %w", s, tp, err)
	}
	if len(f) == fieldsPlain {
		return h, nil
	}
	if h.run, err = run(tp, h.Position, f[5:]); err != nil {
		return h, fmt.Errorf("value %q of %s: %w", s, tp, err)
	}
	return h, nil
}

// run reads the open run of merged commits that ends at a position.
func run(tp fencepost.TopicPartition, p ledger.Position, f []string) (*ledger.Recorded, error) {
	held, err := position(f[0], p.Fence.String(), f[1], p.TopicID.String())
	if err != nil {
		return nil, err
	}
	r := &ledger.Recorded{Move: ledger.Move{TopicPartition: tp, Cause: ledger.CauseCommit, Held: held, Next: p}, Who: plain(f[4])}
	if r.Commits, err = strconv.ParseInt(f[2], 10, 64); err != nil {
		return nil, err
	}
	r.At, err = instant(f[3])
	return r, err
}

// position reads a position's four fields.
func position(until, fence, epoch, id string) (p ledger.Position, err error) {
	if p.Offset, err = offset(until); err != nil {
		return p, err
	}
	f, err := strconv.ParseInt(fence, 16, 64)
	if err != nil || f < 0 || len(fence) != 16 {
		return p, fmt.Errorf("%q is no fence", fence)
	}
	e, err := strconv.ParseInt(epoch, 10, 32)
	if err != nil {
		return p, fmt.Errorf("%q is no leader epoch", epoch)
	}
	p.Fence, p.LeaderEpoch = ledger.Fence(f), fencepost.LeaderEpoch(e)
	p.TopicID, err = fencepost.ParseTopicID(id)
	return p, err
}

func offset(s string) (fencepost.Offset, error) {
	o, err := strconv.ParseInt(s, 10, 64)
	if err != nil || o < 0 {
		return 0, fmt.Errorf("%q is no offset", s)
	}
	return fencepost.Offset(o), nil
}

// instant reads the server's clock: Unix microseconds.
func instant(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMicro(n).UTC(), err
}

var (
	escaper   = strings.NewReplacer("%", "%25", "|", "%7C")
	unescaper = strings.NewReplacer("%25", "%", "%7C", "|")
)

// escaped lets a free text be between bars.
func escaped(s string) string { return escaper.Replace(s) }

// plain undoes escaped.
func plain(s string) string { return unescaper.Replace(s) }

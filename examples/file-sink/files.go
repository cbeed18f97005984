package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// files is a folder as a sink and its ledger. One value is one worker's view of it; several may be open at once, in this
// process and in others.
type files struct {
	rows, commits *os.File
	keep          ledger.KeepCommits
	refuse        func(row map[string]any) string // why a row is refused; nil: none is

	mu   sync.Mutex // of what was read
	seen struct {
		until  int64 // of commits.jsonl
		rows   int64 // how long rows.jsonl is with the last commit
		id     fencepost.LedgerID
		newer  bool
		groups map[fencepost.Group]*ledger.Book
	}
}

var (
	_ sink.Sink      = (*files)(nil)
	_ sink.Lane      = (*files)(nil)
	_ ledger.Ledger  = (*files)(nil)
	_ ledger.History = (*files)(nil)
)

// line is a line of commits.jsonl. The first one names the ledger.
type line struct {
	Version int             `json:"version"`
	Ledger  string          `json:"ledger,omitempty"` // 32 hexadecimal digits
	Rows    int64           `json:"rows"`             // length of rows.jsonl
	Group   fencepost.Group `json:"group,omitempty"`
	Cluster string          `json:"cluster,omitempty"`
	Who     string          `json:"who,omitempty"`
	At      time.Time       `json:"at"`
	Moves   []move          `json:"moves,omitempty"`
}

// move is a ledger.Move as the file has it.
type move struct {
	Topic      string   `json:"topic"`
	Partition  int32    `json:"partition"`
	Held, Next position // by these names
	Cause      string   `json:"cause"`
	AtMost     int64    `json:"at_most,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Partitions int32    `json:"partitions,omitempty"`
}

// position is a ledger.Position as the file has it.
type position struct {
	Offset  fencepost.Offset      `json:"offset"`
	Epoch   fencepost.LeaderEpoch `json:"epoch"`
	Fence   ledger.Fence          `json:"fence"`
	TopicID fencepost.TopicID     `json:"topic_id"`
}

const version = 1

// openFiles opens a folder, and makes it where it is not there.
func openFiles(dir string, keep ledger.KeepCommits) (*files, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	open := func(name string) (*os.File, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o644)
	}
	rows, err1 := open("rows.jsonl")
	commits, err2 := open("commits.jsonl")
	return &files{rows: rows, commits: commits, keep: keep}, errors.Join(err1, err2)
}

// Capabilities says that a stopped writer keeps the others waiting, and that commits go one behind the other.
func (f *files) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "files", Lanes: 1, BlocksOthers: true}
}

// Columns is nothing: the rows have no metadata columns but topic, partition and offset.
func (f *files) Columns(context.Context, []fencepost.ColumnSpec) ([]string, error) { return nil, nil }

// Ledger is the folder itself.
func (f *files) Ledger() ledger.Ledger { return f }

// Lane is the folder itself: it has no connection to open.
func (f *files) Lane(context.Context, int) (sink.Lane, error) { return lane{f}, nil }

// lane is files without Close: the sink closes the files.
type lane struct{ *files }

func (lane) Close() error { return nil }

// Close closes the files.
func (f *files) Close() error { return errors.Join(f.rows.Close(), f.commits.Close()) }

// Commit makes the batch's rows and its moves visible together.
func (f *files) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	if len(c.Moves) == 0 {
		return nil
	}
	rows, err := f.encode(c.Batch)
	if err != nil {
		return err
	}
	return f.change(ctx, w, c.Moves, rows)
}

// Move makes moves without rows.
func (f *files) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	return f.change(ctx, w, moves, nil)
}

// Read is the group's content.
func (f *files) Read(ctx context.Context, g fencepost.Group) (s ledger.Snapshot, err error) {
	err = f.locked(ctx, func() error {
		s = f.book(g).Snapshot(f.seen.id)
		return nil
	})
	return s, err
}

// Moves is the group's history.
func (f *files) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		var kept []ledger.Recorded
		err := f.locked(ctx, func() error {
			kept = f.book(g).Moves()
			return nil
		})
		if err != nil {
			yield(ledger.Recorded{}, err)
			return
		}
		for _, r := range kept {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// readme:start

// change is the one way in which the folder changes: compare, then rows, then the line that makes them count.
func (f *files) change(ctx context.Context, w ledger.Actor, moves []ledger.Move, rows []byte) error {
	l := line{Version: version, Group: w.Group, Cluster: w.ClusterID, Who: w.Who}
	for _, m := range moves {
		l.Moves = append(l.Moves, move{m.Topic, m.Partition, put(m.Held), put(m.Next), m.Cause.String(), m.AtMost, m.Reason(), m.Partitions})
		if !utf8.ValidString(m.Topic + m.Reason() + string(w.Group) + w.ClusterID + w.Who) {
			return fmt.Errorf("move %s: a name or reason is not UTF-8, which JSON text must be", m.TopicPartition)
		}
	}
	return f.locked(ctx, func() error {
		if err := f.book(w.Group).Compare(w, moves); err != nil {
			return err
		}
		if err := replaceFrom(f.rows, f.seen.rows, rows); err != nil {
			return fmt.Errorf("append rows: %w", err) // they do not count: nothing happened
		}
		l.Rows, l.At = f.seen.rows+int64(len(rows)), time.Now().UTC()
		return f.append(l)
	})
}

// readme:end

// append writes a line of commits.jsonl. Whether a line whose write failed is there is not known before it is read again.
func (f *files) append(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := replaceFrom(f.commits, f.seen.until, append(text, '\n')); err != nil {
		return fmt.Errorf("append commit: %w: %w", ledger.ErrUnknown, err)
	}
	return f.follow()
}

// replaceFrom replaces everything in a file from a place on, and flushes it to the disk.
func replaceFrom(file *os.File, at int64, data []byte) error {
	if err := file.Truncate(at); err != nil {
		return err
	}
	if _, err := file.WriteAt(data, at); err != nil {
		return err
	}
	return file.Sync()
}

// locked does something while no other worker does, once all that others have committed is read.
func (f *files) locked(ctx context.Context, do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		err := syscall.Flock(int(f.commits.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock commits.jsonl: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the writer of commits.jsonl: %w", context.Cause(ctx))
		case <-time.After(time.Millisecond):
		}
	}
	defer syscall.Flock(int(f.commits.Fd()), syscall.LOCK_UN)
	if err := f.follow(); err != nil {
		return err
	}
	if f.seen.id == (fencepost.LedgerID{}) {
		rand.Read(f.seen.id[:])
		if err := f.append(line{Version: version, Ledger: hex.EncodeToString(f.seen.id[:]), At: time.Now().UTC()}); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

// follow reads the whole lines of commits.jsonl that were appended since it was read last. A file that is shorter than it
// was is another one: it was restored, and is read anew. REQUIRES: the lock is held.
func (f *files) follow() error {
	info, err := f.commits.Stat()
	if err != nil {
		return err
	}
	if f.seen.groups == nil || info.Size() < f.seen.until {
		f.seen.until, f.seen.rows, f.seen.id, f.seen.newer = 0, 0, fencepost.LedgerID{}, false
		f.seen.groups = map[fencepost.Group]*ledger.Book{}
	}
	text, err := io.ReadAll(io.NewSectionReader(f.commits, f.seen.until, info.Size()-f.seen.until))
	if err != nil {
		return err
	}
	for {
		one, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			break
		}
		if err := f.replay(one); err != nil {
			return fmt.Errorf("read commits.jsonl at byte %d: %w", f.seen.until, err)
		}
		f.seen.until += int64(len(one)) + 1
		text = rest
	}
	if f.seen.newer {
		return ledger.ErrNewer
	}
	return nil
}

// replay takes one line over.
func (f *files) replay(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	f.seen.newer = f.seen.newer || l.Version > version
	if l.Ledger != "" {
		id, err := hex.DecodeString(l.Ledger)
		if err != nil || len(id) != len(f.seen.id) {
			return fmt.Errorf("the ledger's identity is %q, not 32 hexadecimal digits", l.Ledger)
		}
		f.seen.id = fencepost.LedgerID(id)
		return nil
	}
	f.seen.rows = l.Rows
	b := f.book(l.Group)
	f.seen.groups[l.Group] = b
	var moves []ledger.Move
	for _, m := range l.Moves {
		tp := fencepost.TopicPartition{Topic: m.Topic, Partition: m.Partition}
		if m.Cause == "" { // another program's line: taken as it is, and for want of a fence refused at the next commit
			b.Put(tp, m.Next.get())
			continue
		}
		cause, err := ledger.ParseCause(m.Cause)
		if err != nil {
			return err
		}
		made := ledger.Move{TopicPartition: tp, Held: m.Held.get(), Next: m.Next.get(), Cause: cause, AtMost: m.AtMost, Partitions: m.Partitions}
		made.SetReason(m.Reason)
		moves = append(moves, made)
	}
	b.Record(ledger.Actor{Group: l.Group, ClusterID: l.Cluster, Who: l.Who}, moves, l.At, f.keep)
	return nil
}

// book is a group's ledger as far as it was read, an empty one if the group is new.
func (f *files) book(g fencepost.Group) *ledger.Book {
	if b := f.seen.groups[g]; b != nil {
		return b
	}
	return &ledger.Book{}
}

func put(p ledger.Position) position { return position{p.Offset, p.LeaderEpoch, p.Fence, p.TopicID} }

func (p position) get() ledger.Position {
	return ledger.Position{Offset: p.Offset, LeaderEpoch: p.Epoch, Fence: p.Fence, TopicID: p.TopicID}
}

// encode makes a line of each row.
func (f *files) encode(b *fencepost.Batch) ([]byte, error) {
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	for i, tp := range b.All() {
		row := map[string]any{fencepost.MetaTopic: tp.Topic, fencepost.MetaPartition: tp.Partition, fencepost.MetaOffset: b.Offsets[i]}
		for j := range b.Columns {
			c := &b.Columns[j]
			if c.Null(i) {
				continue // left out, so that a column of JSON can hold a null
			}
			v, ok := value(c, i)
			if !ok {
				return nil, &sink.Rejected{Reason: fmt.Sprintf("column %s at %s, offset %d is not UTF-8, which JSON text must be", c.Name, tp, b.Offsets[i]), Hint: "take the column as bytes"}
			}
			row[c.Name] = v
		}
		if f.refuse != nil {
			if why := f.refuse(row); why != "" {
				return nil, &sink.Rejected{Reason: why}
			}
		}
		if err := to.Encode(row); err != nil {
			return nil, &sink.Rejected{Reason: fmt.Sprintf("%s, offset %d: %v", tp, b.Offsets[i], err)}
		}
	}
	return out.Bytes(), nil
}

// value is row i of a column as JSON takes it: bytes in base64, decimals as text. ok is false for text that JSON cannot
// hold.
func value(c *fencepost.Column, i int) (v any, ok bool) {
	switch c.Type {
	case fencepost.Int:
		return c.Int(i), true
	case fencepost.Float:
		return c.Float(i), true
	case fencepost.Bool:
		return c.Bool(i), true
	case fencepost.Timestamp:
		return time.UnixMicro(c.Micros(i)).UTC(), true
	case fencepost.Bytes:
		return c.Bytes(i), true
	case fencepost.JSON:
		return json.RawMessage(c.Bytes(i)), true
	case fencepost.Text, fencepost.Decimal, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return c.Text(i), utf8.Valid(c.Bytes(i))
}

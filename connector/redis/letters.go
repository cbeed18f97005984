package redis

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// letters is what a commit does with the hash of letters, in this order.
type letters struct {
	take []string // fields that must be there, and go
	drop []string // fields that go
	set  []string // fields, each followed by its value
}

func (s letters) none() bool { return len(s.take)+len(s.drop)+len(s.set) == 0 }

// append adds the script's arguments. key is the place of the hash among the script's keys.
func (s letters) append(l *list, key int) {
	for _, op := range []struct {
		name string
		args []string
	}{{"HTAKE", s.take}, {"HDEL", s.drop}, {"HSET", s.set}} {
		if len(op.args) == 0 {
			continue
		}
		l.text(op.name)
		l.number(int64(key))
		l.number(int64(len(op.args)))
		for _, a := range op.args {
			l.text(a)
		}
	}
}

// discarded begins the field of a letter that was discarded.
const discarded = "discarded|"

// letterField is a letter's field: no topic of Kafka has | in its name.
func letterField(id ledger.LetterID) string {
	return fmt.Sprintf("%s|%d|%d|%s", id.Topic, id.Partition, id.Offset, id.TopicID)
}

// parseLetterField reads a letter's field.
func parseLetterField(field string) (id ledger.LetterID, waits bool, err error) {
	rest, was := strings.CutPrefix(field, discarded)
	f := strings.Split(rest, "|")
	if len(f) != 4 {
		return id, false, fmt.Errorf("%q is no dead letter's field", field)
	}
	p, err := strconv.ParseInt(f[1], 10, 32)
	if err != nil {
		return id, false, fmt.Errorf("%q is no dead letter's field: %w", field, err)
	}
	id.Topic, id.Partition = f[0], int32(p)
	if id.Offset, err = offset(f[2]); err == nil {
		id.TopicID, err = fencepost.ParseTopicID(f[3])
	}
	return id, !was, err
}

// letterValue is a letter's value. Bytes are base64, as JSON writes them; null is null.
type letterValue struct {
	Time      int64         `json:"time"`
	Key       []byte        `json:"key"`
	Value     []byte        `json:"value"`
	Headers   []letterEntry `json:"headers"`
	Code      string        `json:"code"`
	Reason    string        `json:"reason"`
	At        time.Time     `json:"at"`
	Who       string        `json:"who"`
	Discarded string        `json:"discarded,omitempty"`
}

// letterEntry is one header.
type letterEntry struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// letterText is a letter's value as the hash holds it.
func letterText(l ledger.Letter) (string, error) {
	d := l.Bounded()
	v := letterValue{Time: d.Timestamp, Key: d.Key, Value: d.Value, Code: d.Code, Reason: d.Reason, At: l.At.UTC(), Who: l.Who, Discarded: l.Discarded}
	for _, h := range d.Headers {
		v.Headers = append(v.Headers, letterEntry{[]byte(h.Key), h.Value})
	}
	text, err := json.Marshal(v)
	return string(text), err
}

// parseLetter reads a letter's field and value.
func parseLetter(field string, text []byte) (l ledger.Letter, err error) {
	var v letterValue
	if err := json.Unmarshal(text, &v); err != nil {
		return l, fmt.Errorf("dead letter %s: %w", field, err)
	}
	if l.LetterID, _, err = parseLetterField(field); err != nil {
		return l, err
	}
	l.Timestamp, l.Key, l.Value, l.Code, l.Reason, l.At, l.Who, l.Discarded = v.Time, v.Key, v.Value, v.Code, v.Reason, v.At, v.Who, v.Discarded
	for _, h := range v.Headers {
		l.Headers = append(l.Headers, fencepost.Header{Key: string(h.Key), Value: h.Value})
	}
	return l, nil
}

// lettersOf is what a commit does with letters.
func lettersOf(w ledger.Actor, c sink.Commit) (s letters, err error) {
	for _, id := range c.Removed {
		if field := letterField(id); c.Replays() {
			s.take = append(s.take, field)
		} else {
			s.drop = append(s.drop, field, discarded+field)
		}
	}
	for _, d := range c.Dead {
		text, err := letterText(ledger.Letter{DeadLetter: d, At: time.Now(), Who: w.Who})
		if err != nil {
			return s, err
		}
		field := letterField(d.LetterID)
		s.drop, s.set = append(s.drop, discarded+field), append(s.set, field, text)
	}
	return s, nil
}

var _ ledger.LetterChecker = (*Ledger)(nil)

// PrepareLetters is CheckLetters: the hash is there as soon as it holds something.
func (l *Ledger) PrepareLetters(ctx context.Context, g fencepost.Group) error {
	return l.CheckLetters(ctx, g)
}

// CheckLetters tries this user's rights on the hash.
func (l *Ledger) CheckLetters(ctx context.Context, g fencepost.Group) error {
	key := keysOf(l.cfg.Key, g).letters
	for command, args := range map[string][]any{"HKEYS": {key}, "HDEL": {key, "-"}} {
		if _, err := l.client.do(ctx, command, args...); err != nil {
			fault := l.cfg.fault(err, false)
			if replies(err, "NOPERM") {
				return &fencepost.UserError{Code: "dead-letters-missing", Err: fmt.Errorf("redis at %s: the user may not use the key %s: %w", l.cfg.Addr, key, fault)}
			}
			return fault
		}
	}
	return nil
}

// named is a letter's field and what it says.
type named struct {
	field string
	id    ledger.LetterID
	waits bool
}

// letterNames are the fields of the hash of letters, in order.
func (l *Ledger) letterNames(ctx context.Context, g fencepost.Group) ([]named, error) {
	key := keysOf(l.cfg.Key, g).letters
	fields, err := redis.Strings(l.client.do(ctx, "HKEYS", key))
	if replies(err, "NOPERM") { // a user of an earlier release: no program of it wrote letters
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read dead letters of group %s: %w", g, l.cfg.fault(err, false))
	}
	names := make([]named, len(fields))
	for i, f := range fields {
		names[i].field = f
		if names[i].id, names[i].waits, err = parseLetterField(f); err != nil {
			return nil, damaged(key, err)
		}
	}
	slices.SortFunc(names, func(a, b named) int {
		return cmp.Or(a.id.TopicPartition.Compare(b.id.TopicPartition), cmp.Compare(a.id.Offset, b.id.Offset), bytes.Compare(a.id.TopicID[:], b.id.TopicID[:]))
	})
	return names, nil
}

// lettersPage is how many letters are read at once.
const lettersPage = 50

// Letters yields the group's letters, page by page.
func (l *Ledger) Letters(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Letter, error] {
	return func(yield func(ledger.Letter, error) bool) {
		names, err := l.letterNames(ctx, g)
		if err != nil {
			yield(ledger.Letter{}, err)
			return
		}
		key := keysOf(l.cfg.Key, g).letters
		for some := range slices.Chunk(names, lettersPage) {
			args := []any{key}
			for _, n := range some {
				args = append(args, n.field)
			}
			values, err := redis.ByteSlices(l.client.do(ctx, "HMGET", args...))
			if err != nil {
				yield(ledger.Letter{}, fmt.Errorf("read dead letters of group %s: %w", g, l.cfg.fault(err, false)))
				return
			}
			for i, v := range values {
				if v == nil { // it went meanwhile
					continue
				}
				one, err := parseLetter(some[i].field, v)
				if err != nil {
					err = damaged(key, err)
				}
				if !yield(one, err) || err != nil {
					return
				}
			}
		}
	}
}

// LetterCounts counts the letters that wait.
func (l *Ledger) LetterCounts(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]int64, error) {
	names, err := l.letterNames(ctx, g)
	counts := map[fencepost.TopicPartition]int64{}
	for _, n := range names {
		if n.waits {
			counts[n.id.TopicPartition]++
		}
	}
	return counts, err
}

// LettersFrom names the letters at or past these offsets.
func (l *Ledger) LettersFrom(ctx context.Context, g fencepost.Group, from map[fencepost.TopicPartition]fencepost.Offset) (ids []ledger.LetterID, err error) {
	names, err := l.letterNames(ctx, g)
	for _, n := range names {
		if at, asked := from[n.id.TopicPartition]; asked && n.id.Offset >= at {
			ids = append(ids, n.id)
		}
	}
	return ids, err
}

// Discard empties letters in one script, all of them or none.
func (l *Ledger) Discard(ctx context.Context, w ledger.Actor, ids []ledger.LetterID, why string) error {
	if len(ids) == 0 {
		return nil
	}
	c := commit{cfg: l.cfg, writer: w, memo: &l.memo}
	key := keysOf(l.cfg.Key, w.Group).letters
	for _, id := range ids {
		field := letterField(id)
		v, err := redis.Bytes(l.client.do(ctx, "HGET", key, field))
		if err == redis.ErrNil {
			return fmt.Errorf("discard: %w: %s", ledger.ErrLetterGone, field)
		}
		if err != nil {
			return fmt.Errorf("discard dead letters of group %s: %w", w.Group, l.cfg.fault(err, false))
		}
		one, err := parseLetter(field, v)
		if err != nil {
			return damaged(key, err)
		}
		one.Key, one.Value, one.Headers, one.Discarded = nil, nil, nil, why
		text, err := letterText(one)
		if err != nil {
			return err
		}
		c.letters.take, c.letters.set = append(c.letters.take, field), append(c.letters.set, discarded+field, text)
	}
	if err := c.run(ctx, l.client); err != nil {
		return fmt.Errorf("discard dead letters of group %s: %w", w.Group, err)
	}
	return nil
}

package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/gomodule/redigo/redis"
)

// LayoutConfig says in which form another program left its offsets, and under which names.
type LayoutConfig struct {
	// Name is one of LayoutNames.
	Name string
	// Key is where they are, if not at the layout's usual place. <group>, <topic> and <partition> in it stand for what
	// differs: offset:<group>:<topic>. The layout pattern-a has no usual place.
	Key string
	// Group stands for <group>.
	Group fencepost.Group
	// Topic is the one topic to read. Empty: every topic that is found.
	Topic string
}

// scanCount is how much one step of SCAN or HSCAN looks at, and how many keys are read at once.
const scanCount = 1000

// layout is offsets in the form of another program.
type layout struct {
	cfg    Config
	as     LayoutConfig
	form   form
	keys   []pattern
	names  []string // :: place in keys -> the key, with its placeholders
	field  pattern
	client *client // reading, and setting the same again, may be done twice
}

// live is a layout that may be written.
type live struct{ layout }

var (
	_ foreign.Layout     = (*layout)(nil)
	_ foreign.LiveLayout = (*live)(nil)
)

// OpenLayout makes a Layout of another program's offsets; that of pattern-a is a LiveLayout too. Of the Config it takes the
// connection only. It connects to nothing yet.
//
// Errors: *fencepost.UserError usage, which says what is missing.
func OpenLayout(c Config, as LayoutConfig) (foreign.Layout, error) {
	c.Key, c.Effects, c.Deletes = "", nil, nil
	c, err := c.validate()
	if err != nil {
		return nil, err
	}
	l := layout{cfg: c, as: as}
	if err := l.compile(); err != nil {
		return nil, &fencepost.UserError{Code: "usage", Err: fmt.Errorf("open redis layout %s: %w", as.Name, err), Exit: 2, Help: l.form.help()}
	}
	l.client = newClient(c, 2, nil)
	if l.form.live {
		return &live{l}, nil
	}
	return &l, nil
}

// compile finds the form, and fills in what is known of it.
func (l *layout) compile() error {
	var ok bool
	if l.form, ok = forms[l.as.Name]; !ok {
		return fmt.Errorf("no such layout: want one of %s", strings.Join(LayoutNames(), ", "))
	}
	l.names = l.form.keys
	if l.as.Key != "" {
		l.names = []string{l.as.Key}
	}
	if len(l.names) == 0 {
		return errors.New("name its key: it has no usual one")
	}
	field, err := compiled(l.form.field, l.as.Group, "")
	if err != nil {
		return err
	}
	l.field = field
	for _, name := range l.names {
		if strings.Contains(name, "<group>") && l.as.Group == "" {
			return fmt.Errorf("its key is %s: name the group", name)
		}
		key, err := compiled(name, l.as.Group, l.as.Topic)
		if err != nil {
			return fmt.Errorf("key %q: %w", name, err)
		}
		for part, times := range map[string][2]int{"<topic>": {key.topic, field.topic}, "<partition>": {key.partition, field.partition}} {
			if (times[0] > 0) == (times[1] > 0) {
				return fmt.Errorf("key %q and field %q: want %s in one of them", name, l.form.field, part)
			}
		}
		l.keys = append(l.keys, key)
	}
	return nil
}

// Close closes the connections.
func (l *layout) Close() error { return l.client.Close() }

// Foreign reads all of it, step by step, so that no other client waits: each entry is of one moment, all of them are not.
func (l *layout) Foreign(ctx context.Context) (foreign.Offsets, error) {
	f, err := l.read(ctx)
	if err != nil {
		return foreign.Offsets{}, fmt.Errorf("read layout %s: %w", l.as.Name, err)
	}
	slices.SortFunc(f.Entries, func(a, b foreign.Entry) int { return a.Compare(b.TopicPartition) })
	for i, e := range f.Entries {
		if i > 0 && e.TopicPartition == f.Entries[i-1].TopicPartition {
			return foreign.Offsets{}, fmt.Errorf("read layout %s: %w", l.as.Name,
				notOfIt(e.Where, fmt.Errorf("%s stands at %s too", e.TopicPartition, f.Entries[i-1].Where)))
		}
	}
	return f, nil
}

func (l *layout) read(ctx context.Context) (f foreign.Offsets, err error) {
	key, name, err := l.place(ctx)
	if err != nil {
		return f, err
	}
	found := map[string]fencepost.TopicPartition{} // :: key -> what it says
	if exact := l.exact(name); !strings.Contains(exact, "<") {
		found[exact] = fencepost.TopicPartition{Topic: l.as.Topic}
	} else {
		var passed []string
		if found, passed, err = l.scan(ctx, key); err != nil {
			return f, err
		}
		if len(passed) > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("%d keys that look alike are not of the form %s and were passed over: %s",
				len(passed), name, strings.Join(passed[:min(3, len(passed))], ", ")))
		}
	}
	if l.form.field == "" {
		f.Entries, err = l.strings(ctx, found)
		return f, err
	}
	for name, tp := range found {
		entries, err := l.hash(ctx, name, tp)
		if err != nil {
			return f, err
		}
		f.Entries = append(f.Entries, entries...)
	}
	if l.form.live && slices.ContainsFunc(f.Entries, func(e foreign.Entry) bool { return strings.Count(e.Raw, "|") > 1 }) {
		f.Notes = append(f.Notes, "it is kept by a Fencepost ledger: its own form says more than this layout does")
	}
	return f, nil
}

// exact fills in what is known of a key.
func (l *layout) exact(name string) string {
	if l.as.Topic != "" {
		name = strings.ReplaceAll(name, "<topic>", l.as.Topic)
	}
	return strings.ReplaceAll(name, "<group>", string(l.as.Group))
}

// place is the one of the layout's usual keys that is there; the first, where there is none.
func (l *layout) place(ctx context.Context) (key pattern, name string, err error) {
	if len(l.keys) == 1 {
		return l.keys[0], l.names[0], nil
	}
	var there []string
	at := 0
	for i, name := range l.names {
		name = l.exact(name)
		n, err := redis.Int(l.client.do(ctx, "EXISTS", name))
		if err != nil {
			return key, "", l.fault(name, err)
		}
		if n > 0 {
			there, at = append(there, name), i
		}
	}
	if len(there) > 1 {
		return key, "", &fencepost.UserError{Code: "layout-ambiguous", Exit: 2,
			Err:  fmt.Errorf("the keys %s are both there", strings.Join(there, " and ")),
			Help: "say which one holds the offsets: key=" + there[0]}
	}
	return l.keys[at], l.names[at], nil
}

// scan finds the keys of a pattern, and those that only look like it.
func (l *layout) scan(ctx context.Context, p pattern) (found map[string]fencepost.TopicPartition, passed []string, err error) {
	found = map[string]fencepost.TopicPartition{}
	others := map[string]bool{}
	for cursor := "0"; ; {
		keys, next, err := scanned(l.client.do(ctx, "SCAN", cursor, "MATCH", p.glob, "COUNT", scanCount))
		if err != nil {
			return nil, nil, l.fault(p.glob, err)
		}
		for _, key := range keys {
			if tp, ok := p.match(key, fencepost.TopicPartition{}); ok {
				found[key] = tp
			} else if !others[key] {
				others[key] = true
				passed = append(passed, key)
			}
		}
		if cursor = next; cursor == "0" {
			slices.Sort(passed)
			return found, passed, nil
		}
	}
}

// strings reads keys that are strings.
func (l *layout) strings(ctx context.Context, found map[string]fencepost.TopicPartition) (entries []foreign.Entry, err error) {
	keys := make([]string, 0, len(found))
	for key := range found {
		keys = append(keys, key)
	}
	for some := range slices.Chunk(keys, scanCount) {
		values, at, err := l.get(ctx, some)
		if err != nil {
			return nil, l.fault(some[at], err)
		}
		for i, key := range some {
			if values[i] == nil {
				continue // gone since the scan
			}
			e, err := l.entry(found[key], text(values[i]), "key "+key)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// get reads keys in one round trip. Of its first error at says which key it is about.
func (l *layout) get(ctx context.Context, keys []string) (values []any, at int, err error) {
	err = l.client.again(ctx, func(conn redis.Conn) error {
		values, at = values[:0], 0
		for _, key := range keys {
			if err := conn.Send("GET", key); err != nil {
				return err
			}
		}
		if err := conn.Flush(); err != nil {
			return err
		}
		var failed error
		for i := range keys {
			v, err := conn.Receive()
			if err != nil && failed == nil {
				failed, at = err, i
			}
			values = append(values, v)
		}
		return failed
	})
	return values, at, err
}

// scanned is the answer to a step of SCAN or HSCAN: what it found, and where the next one begins.
func scanned(answer any, failed error) (found []string, next string, err error) {
	step, err := redis.Values(answer, failed)
	if err != nil {
		return nil, "", err
	}
	found, err = redis.Strings(step[1], nil)
	return found, text(step[0]), err
}

// hash reads the fields of one key; tp is what the key itself says.
func (l *layout) hash(ctx context.Context, key string, tp fencepost.TopicPartition) (entries []foreign.Entry, err error) {
	values := map[string]string{} // HSCAN may give a field twice
	for cursor := "0"; ; {
		list, next, err := scanned(l.client.do(ctx, "HSCAN", key, cursor, "COUNT", scanCount))
		if err != nil {
			return nil, l.fault(key, err)
		}
		for i := 0; i+1 < len(list); i += 2 {
			values[list[i]] = list[i+1]
		}
		if cursor = next; cursor == "0" {
			break
		}
	}
	for field, value := range values {
		where := fmt.Sprintf("key %s, field %s", key, field)
		tp, ok := l.field.match(field, tp)
		if !ok {
			return nil, notOfIt(where, fmt.Errorf("the field is not %s", l.form.field))
		}
		if l.as.Topic != "" && tp.Topic != l.as.Topic {
			continue
		}
		e, err := l.entry(tp, value, where)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// entry reads a value.
func (l *layout) entry(tp fencepost.TopicPartition, raw, where string) (e foreign.Entry, err error) {
	e = foreign.Entry{TopicPartition: tp, Raw: raw, Where: where}
	if e.From, e.Until, err = l.form.value(raw); err != nil {
		return e, notOfIt(where, fmt.Errorf("value %q: %w", raw, err))
	}
	return e, nil
}

// notOfIt is the UserError of an entry that the layout does not explain.
func notOfIt(where string, err error) error {
	return &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("%s: %w", where, err), Exit: 1,
		Help: "mend or delete that entry, or name another layout, key or topic: nothing is guessed"}
}

// fault is an error of the server about a key.
func (l *layout) fault(key string, err error) error {
	switch {
	case replies(err, "WRONGTYPE"):
		want := "hash"
		if l.form.field == "" {
			want = "string"
		}
		return &fencepost.UserError{Code: "redis-wrong-type", Exit: 1, Err: fmt.Errorf("key %s is no %s (%w)", key, want, err),
			Help: "look at it with TYPE, and name another layout, key or topic"}
	case replies(err, "NOPERM"):
		return &fencepost.UserError{Code: "redis-denied", Exit: 1, Err: fmt.Errorf("redis at %s: the user lacks a right for key %s (%w)", l.cfg.Addr, key, err),
			Help: "let the server's owner run: ACL SETUSER NAME ~KEY +exists +get +hscan +scan, and +hset for a mirror"}
	}
	return l.cfg.fault(err, false)
}

// Put sets these partitions' ranges in one command.
func (l *live) Put(ctx context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) error {
	if len(ranges) == 0 {
		return nil
	}
	pairs := make([]any, 0, 2*len(ranges))
	for tp, r := range ranges {
		if !r.Valid() || strings.Contains(tp.Topic, "|") {
			return fmt.Errorf("put %s into layout %s: %s is no range of a topic", tp, l.as.Name, r)
		}
		pairs = append(pairs, field(tp), strconv.FormatInt(int64(r.From), 10)+"|"+strconv.FormatInt(int64(r.Until), 10))
	}
	key := l.exact(l.names[0])
	if _, err := l.client.do(ctx, "HSET", append([]any{key}, pairs...)...); err != nil {
		return fmt.Errorf("put into layout %s: %w", l.as.Name, l.fault(key, err))
	}
	return nil
}

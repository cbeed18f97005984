package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/go-zookeeper/zk"
)

// Form is how another program left its offsets.
type Form uint8

// The forms, as docs/layouts.md names them. The zero Form is unset.
const (
	FormUnset            Form = iota
	FormConsumers             // /consumers/<group>/offsets/<topic>/<partition>: a number. Live: Put is there
	FormTopicPartition        // <path>/<topic>/<partition>: a number
	FormSingleZnode           // <path>: p:off,p:off
	FormSingleZnodeTopic      // <path>: topic:p:off,topic:p:off
	FormStorm                 // <path>/partition_<p> or <path>/<topic>/partition_<p>: JSON
	FormTrident               // <path>/user/<partition id>/<tx>: JSON of a batch
)

var forms = [...]string{"", "consumers", "topic-partition", "single-znode", "single-znode-topic", "storm", "trident"}

// String is the form's name on the command line.
func (f Form) String() string { return forms[f] }

// LayoutConfig says what another program left, and where.
type LayoutConfig struct {
	Form Form
	// Path is the node to begin at. FormConsumers: that of all groups; empty: /consumers. FormStorm: <root>/<id>.
	// FormTrident: <root>/<txid>.
	Path string
	// Group is whose offsets they are: for FormConsumers, which alone has groups.
	Group fencepost.Group
	// Topic is what the layout does not say: for FormSingleZnode, and for FormStorm and FormTrident where neither the JSON
	// nor the path names it.
	Topic string
}

// validate joins all errors of a LayoutConfig and fills what was left out.
func (c LayoutConfig) validate() (LayoutConfig, error) {
	var errs []error
	if c.Form == FormUnset || int(c.Form) >= len(forms) {
		errs = append(errs, fmt.Errorf("Form is %d: want one of %s", c.Form, strings.Join(forms[1:], ", ")))
	}
	if c.Form == FormConsumers {
		if c.Path == "" {
			c.Path = "/consumers"
		}
		if c.Group == "" || strings.Contains(string(c.Group), "/") {
			errs = append(errs, fmt.Errorf("Group %q is no name of a node", c.Group))
		}
	} else if c.Group != "" {
		errs = append(errs, fmt.Errorf("Group: the form %s has no groups", c.Form))
	}
	if c.Form == FormSingleZnode && c.Topic == "" {
		errs = append(errs, errors.New("Topic is empty: the form single-znode does not say it"))
	}
	c.Path = strings.TrimRight(c.Path, "/")
	if err := validPath(c.Path); err != nil {
		errs = append(errs, fmt.Errorf("Path: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return c, &fencepost.UserError{Code: "zookeeper-config", Err: fmt.Errorf("open layout: %w", err), Exit: 2}
	}
	return c, nil
}

// layout is one program's offsets.
type layout struct {
	cfg Config
	at  LayoutConfig
	zk  *session
}

// live is a layout that its own readers still use.
type live struct{ layout }

var _ foreign.LiveLayout = (*live)(nil)

// OpenLayout makes a reader of what another program left in ZooKeeper; that of FormConsumers is a foreign.LiveLayout.
// Of Config, Root, MaxPacket and KeepCommits are not looked at. It connects to nothing yet.
func OpenLayout(c Config, at LayoutConfig) (foreign.Layout, error) {
	c.Root, c.MaxPacket = "", 0
	c, err := c.validate()
	if err != nil {
		return nil, err
	}
	if at, err = at.validate(); err != nil {
		return nil, err
	}
	c.Root = at.Path // for messages
	l := layout{cfg: c, at: at, zk: &session{cfg: c}}
	if at.Form == FormConsumers {
		return &live{l}, nil
	}
	return &l, nil
}

// Close ends the layout's session.
func (l *layout) Close() error { return l.zk.Close() }

// Foreign reads all of it.
func (l *layout) Foreign(ctx context.Context) (foreign.Offsets, error) {
	if err := l.zk.sync(ctx, l.at.Path); err != nil {
		return foreign.Offsets{}, fmt.Errorf("read %s: %w", l.at.Path, l.cfg.fault(err, false))
	}
	f, err := l.entries(ctx)
	if err == nil {
		err = inTurn(f.Entries)
	}
	if err != nil {
		return foreign.Offsets{}, fmt.Errorf("read %s: %w", l.at.Path, l.cfg.fault(err, false))
	}
	return f, nil
}

// entries reads the form.
func (l *layout) entries(ctx context.Context) (f foreign.Offsets, err error) {
	switch l.at.Form {
	case FormConsumers:
		f.Entries, err = l.numbers(ctx, l.at.offsets())
	case FormTopicPartition:
		f.Entries, err = l.numbers(ctx, l.at.Path)
	case FormSingleZnode, FormSingleZnodeTopic:
		nodes, err := l.zk.gets(ctx, []string{l.at.Path})
		if err != nil || !nodes[0].here {
			return f, err
		}
		f.Entries, err = parseList(nodes[0].path, string(nodes[0].data), l.at.Topic)
		return f, err
	case FormStorm:
		f.Entries, err = l.storm(ctx)
	case FormTrident:
		return l.trident(ctx)
	case FormUnset:
	}
	return f, err
}

// offsets is the node of a group's offsets in pattern B.
func (c LayoutConfig) offsets() string { return c.Path + "/" + string(c.Group) + "/offsets" }

// numbers reads <root>/<topic>/<partition>.
func (l *layout) numbers(ctx context.Context, root string) ([]foreign.Entry, error) {
	nodes, err := l.below(ctx, root, 2)
	if err != nil {
		return nil, err
	}
	entries := make([]foreign.Entry, len(nodes))
	for i, n := range nodes {
		if entries[i], err = parseNumber(n.path, string(n.data)); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// below reads the nodes that are so many steps below one.
func (l *layout) below(ctx context.Context, root string, steps int) ([]node, error) {
	paths := []string{root}
	for range steps {
		lists, err := l.zk.lists(ctx, paths)
		if err != nil {
			return nil, err
		}
		var next []string
		for i, names := range lists {
			for _, name := range names {
				next = append(next, paths[i]+"/"+name)
			}
		}
		paths = next
	}
	nodes, err := l.zk.gets(ctx, paths)
	return slices.DeleteFunc(nodes, func(n node) bool { return !n.here }), err
}

// storm reads partition_<p> below the path, and one step further.
func (l *layout) storm(ctx context.Context) (entries []foreign.Entry, err error) {
	first, err := l.below(ctx, l.at.Path, 1)
	if err != nil {
		return nil, err
	}
	for _, n := range first {
		if strings.HasPrefix(base(n.path), stormPrefix) {
			e, err := parseStorm(n.path, n.data, "", l.at.Topic)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
			continue
		}
		second, err := l.below(ctx, n.path, 1)
		if err != nil {
			return nil, err
		}
		for _, n := range second {
			e, err := parseStorm(n.path, n.data, base(parent(n.path)), l.at.Topic)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// trident reads the newest batch of each partition below user. A partition's ID may hold a slash of its own, so that
// the batches are one or two steps below.
func (l *layout) trident(ctx context.Context) (f foreign.Offsets, err error) {
	ids, err := l.below(ctx, l.at.Path+"/user", 1)
	if err != nil {
		return f, err
	}
	inclusive := false
	for i := 0; i < len(ids); i++ { // grows by IDs with a slash
		batches, err := l.below(ctx, ids[i].path, 1)
		if err != nil {
			return f, err
		}
		newest, others := newestBatch(batches)
		if newest == nil {
			for _, o := range others {
				if parent(parent(o.path)) != l.at.Path+"/user" {
					return f, layoutDamaged(o.path, "its name is no number of a batch")
				}
			}
			ids = append(ids, others...)
			continue
		}
		e, last, err := parseTrident(ids[i].path[len(l.at.Path+"/user/"):], newest.path, newest.data, l.at.Topic)
		if err != nil {
			return f, err
		}
		f.Entries, inclusive = append(f.Entries, e), inclusive || last
	}
	if inclusive {
		f.Notes = append(f.Notes, "lastOffset is that of a batch's last record: the next one is what last-processed goes on at")
	}
	return f, nil
}

// newestBatch is the batch of the largest number; where none is a number without more below it, all of them are others.
func newestBatch(batches []node) (newest *node, others []node) {
	most := int64(-1)
	for i, b := range batches {
		tx, err := strconv.ParseInt(base(b.path), 10, 64)
		if err != nil || tx < 0 || b.stat.NumChildren > 0 {
			others = append(others, b)
			continue
		}
		if tx > most {
			newest, most = &batches[i], tx
		}
	}
	return newest, others
}

// Put sets the offsets of these partitions to where their ranges end.
func (l *live) Put(ctx context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) error {
	type put struct {
		path string
		data []byte
	}
	var puts []put
	for tp, r := range ranges {
		if tp.Topic == "" || strings.Contains(tp.Topic, "/") || tp.Partition < 0 || r.Until < 0 {
			return fmt.Errorf("put %s: it is no partition at an offset", tp)
		}
		puts = append(puts, put{fmt.Sprintf("%s/%s/%d", l.at.offsets(), tp.Topic, tp.Partition), strconv.AppendInt(nil, int64(r.Until), 10)})
	}
	missing := make([]bool, len(puts))
	err := each(ctx, l.zk, len(puts), func(conn *zk.Conn, i int) error {
		_, err := conn.Set(puts[i].path, puts[i].data, anyVersion)
		missing[i] = errors.Is(err, zk.ErrNoNode)
		if missing[i] {
			return nil
		}
		return err
	})
	for i := 0; err == nil && i < len(puts); i++ {
		if !missing[i] {
			continue
		}
		err = l.zk.create(ctx, puts[i].path, puts[i].data)
		if errors.Is(err, zk.ErrNodeExists) { // another writer's; both know the offset
			_, err = write(ctx, l.zk, func(conn *zk.Conn) (*zk.Stat, error) { return conn.Set(puts[i].path, puts[i].data, anyVersion) })
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", l.at.offsets(), l.cfg.fault(err, false))
	}
	return nil
}

package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/redis"
	"github.com/fencepost/fencepost/zookeeper"
)

// openMirror opens the layout that a mirror keeps up to date. It connects to nothing yet.
func (f *File) openMirror(m Store) (layout foreign.Layout, err error) {
	switch m.Kind {
	case "redis":
		c := m.Redis.config(fencepost.KeepMerged)
		if err := f.secureRedis(m.at, m.Redis, &c); err != nil {
			return nil, err
		}
		return redis.OpenLayout(c, redis.LayoutConfig{Name: "pattern-a", Key: m.Redis.Key})
	case "zookeeper":
		c, err := m.ZooKeeper.config(fencepost.KeepMerged)
		if err != nil {
			return nil, err
		}
		return zookeeper.OpenLayout(c, zookeeper.LayoutConfig{Form: zookeeper.FormConsumers, Path: m.ZooKeeper.Root, Group: f.mirrored(m)})
	}
	panic("pipeline: no layout for mirror " + m.Kind)
}

// mirrored is what the readers of a mirror in ZooKeeper call the group.
func (f *File) mirrored(m Store) fencepost.Group {
	return cmp.Or(fencepost.Group(m.ZooKeeper.Group), f.Group)
}

// openMirrors opens all mirrors, or none.
func (f *File) openMirrors() (all []foreign.LiveLayout, err error) {
	for _, m := range f.Mirrors {
		layout, err := f.openMirror(m)
		if err != nil {
			return nil, errors.Join(f.faultAt(m.at, m.pointed(err)), closeMirrors(all))
		}
		all = append(all, layout.(foreign.LiveLayout))
	}
	return all, nil
}

// engineMirrors is the part of the mirrors that the engine needs: closing them stays with Opened.
func (o *Opened) engineMirrors() (all []engine.Mirror) {
	for _, layout := range o.mirrors {
		all = append(all, layout)
	}
	return all
}

func closeMirrors(all []foreign.LiveLayout) error {
	var errs []error
	for _, layout := range all {
		errs = append(errs, layout.Close())
	}
	return errors.Join(errs...)
}

// MirrorNames are the file's mirrors as people name them, in the order of engine.Config.Mirrors.
func (f *File) MirrorNames() (names []string) {
	for _, m := range f.Mirrors {
		names = append(names, m.at+" ("+m.where()+")")
	}
	return names
}

// mirrorRules are about the copies of the committed offsets.
func (r *reader) mirrorRules(f *File) {
	for _, m := range f.Mirrors {
		r.storeRules(m)
		l := f.ledgerStore()
		switch {
		case m.Kind == "redis":
			r.mirrorHashRule(f, m, l)
		case m.ZooKeeper.Group == "" && strings.Contains(string(f.Group), "/"):
			r.missing(m.at, "group: NAME", "group: %s is no name of a node", shown(string(f.Group)))
		case m.same(l) && m.ZooKeeper.meets(l.ZooKeeper):
			r.find("bad-value", r.places[m.at], "another root for one of them: ledger.zookeeper.root: /fencepost", "%s: the ledger is at %s of the same servers", m.at, l.ZooKeeper.Root)
		}
	}
}

// mirrorHashRule keeps a mirror off the ledger's own keys: it knows no Fence, and the ledger would refuse its own group.
func (r *reader) mirrorHashRule(f *File, m, ledger Store) {
	path := m.at + ".key"
	if !r.has(path) {
		return
	}
	key := m.Redis.Key
	switch {
	case key == "":
		r.find("bad-value", r.places[path], "key: the name of the hash that the other tools read", "key is empty")
	case strings.Contains(key, "{group}"):
		r.find("bad-value", r.at[path], strings.ReplaceAll(key, "{group}", string(f.Group)), "key: the tools that read a mirror know no {group}: write the key out")
	case strings.ContainsAny(key, "<>"):
		r.find("bad-value", r.at[path], "a key without < and >", "key: %s is no fixed key", shown(key))
	case m.same(ledger) && slices.Contains(redis.Own(ledger.Redis.Key, f.Group), key):
		r.find("bad-value", r.at[path], "another key; or take mirror: out: those who split the ledger's values on | read them as from|until",
			"key: %s is the ledger's own (%s)", shown(key), ledger.at)
	}
}

// checkMirrors looks at what stands where the mirrors will write, and writes nothing.
func (o *Opened) checkMirrors(ctx context.Context) (found []fencepost.Finding) {
	for i, layout := range o.mirrors {
		m := o.File.Mirrors[i]
		there, err := layout.Foreign(ctx)
		if err != nil {
			found = append(found, mirrorFault(ctx, m, err))
			continue
		}
		found = append(found, o.File.describeMirror(m, there))
	}
	return found
}

// mirrorFault is an error of a mirror's server as a line of check.
func mirrorFault(ctx context.Context, m Store, err error) fencepost.Finding {
	f, ok := errors.AsType[*fencepost.Fault](m.pointed(err))
	if !ok {
		code := map[string]string{"redis": "redis-unreachable", "zookeeper": "zookeeper-silent"}[m.Kind]
		f = &fencepost.Fault{Code: code, Help: "see " + m.at, Passing: ctx.Err() != nil}
	}
	return fencepost.Finding{Subject: "mirror", Key: m.at, Code: f.Code, Text: err.Error(), Help: f.Help, Silent: f.Passing}
}

// describeMirror says what will be written, or that it is no place for that.
func (f *File) describeMirror(m Store, there foreign.Offsets) fencepost.Finding {
	held := text.Plural(len(there.Entries), "offset") + " there now"
	if m.Kind == "zookeeper" {
		return fencepost.Finding{Subject: "mirror", OK: true, Text: fmt.Sprintf("%s: each node /%s/offsets/TOPIC/PARTITION gets the next offset; %s", m.where(), f.mirrored(m), held)}
	}
	for _, e := range there.Entries {
		if strings.Count(e.Raw, "|") > 1 {
			return fencepost.Finding{Subject: "mirror", Key: m.at + ".key", Code: "redis-key-taken", Help: "take another key for the mirror",
				Text: fmt.Sprintf("%s: the hash %s is a ledger, and a mirror would write over its fences", m.where(), m.Redis.Key)}
		}
	}
	return fencepost.Finding{Subject: "mirror", OK: true, Text: fmt.Sprintf("%s: the hash %s gets topic|partition -> from|until; %s", m.where(), m.Redis.Key, held)}
}

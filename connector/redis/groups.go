package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Groups = (*Ledger)(nil)

// Groups finds the heads of groups with SCAN. Under a Key without {group} there is one group, which its head names.
func (l *Ledger) Groups(ctx context.Context) (all []fencepost.Group, err error) {
	before, after, many := strings.Cut(l.cfg.Key, groupMark)
	heads := []string{keysOf(l.cfg.Key, "").head}
	if many {
		if heads, err = l.scan(ctx, Glob(before)+"{*}"+Glob(after)+":head"); err != nil {
			return nil, fmt.Errorf("list the ledger's groups: %w", l.cfg.fault(err, false))
		}
	}
	for _, head := range heads {
		v, err := l.client.do(ctx, "HGET", head, "version")
		if err != nil {
			return nil, fmt.Errorf("list the ledger's groups: %w", l.cfg.fault(err, false))
		}
		if v == nil {
			continue
		}
		if err := checkVersion(text(v)); err != nil {
			return nil, err
		}
		g, err := l.nameOf(ctx, head, before, after)
		if err != nil {
			return nil, fmt.Errorf("list the ledger's groups: %w", l.cfg.fault(err, false))
		}
		if g != "" {
			all = append(all, g)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil // SCAN may name a key twice
}

// scan finds keys.
func (l *Ledger) scan(ctx context.Context, glob string) (found []string, err error) {
	for cursor := "0"; ; {
		keys, next, err := scanned(l.client.do(ctx, "SCAN", cursor, "MATCH", glob, "COUNT", scanCount))
		if err != nil {
			return nil, err
		}
		found = append(found, keys...)
		if cursor = next; cursor == "0" {
			return found, nil
		}
	}
}

// nameOf is the group of a head: what the head says, or what is in its key.
func (l *Ledger) nameOf(ctx context.Context, head, before, after string) (fencepost.Group, error) {
	v, err := l.client.do(ctx, "HGET", head, "group")
	if err != nil || v != nil {
		return fencepost.Group(text(v)), err
	}
	tag := strings.TrimSuffix(strings.TrimPrefix(head, before+"{"), "}"+after+":head")
	g := strings.NewReplacer("%25", "%", "%7B", "{", "%7D", "}").Replace(tag)
	if keysOf(l.cfg.Key, fencepost.Group(g)).head != head {
		return "", nil // another's key
	}
	return fencepost.Group(g), nil
}

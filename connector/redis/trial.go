package redis

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/gomodule/redigo/redis"
)

var (
	//go:embed trial.lua
	trialText   string
	trialScript = redis.NewScript(-1, trialText)
)

// Trial asks the server what a commit of the group would be refused for: rights, types of keys, slots of a cluster. It
// writes nothing. Keys that differ by row are tried by one made of the columns' names.
func (s *Sink) Trial(ctx context.Context, g fencepost.Group, columns []fencepost.ColumnSpec) []fencepost.Finding {
	k := keysOf(s.cfg.Key, g)
	names, args := []string{k.positions, k.head, k.moves}, []any{identityKey(s.cfg.Key)}
	b := sample(columns)
	for _, e := range s.cfg.effects() {
		key, err := e.Key.bind(scope{group: g, batch: b})
		if err != nil {
			continue // Check has reported it
		}
		if text, err := key(nil, 0, b.Segments[0].TopicPartition); err == nil {
			names, args = append(names, string(text)), append(args, e.Op.String())
		}
	}
	what := " and the ledger"
	if s.cfg.NoLedger { // its places are filled by keys that the user has
		what, args[0], names[0], names[1], names[2] = "", "", names[len(names)-1], names[len(names)-1], names[len(names)-1]
	}
	r, err := ask(ctx, s.ledger.client, trialScript, names, args)
	if err != nil {
		return []fencepost.Finding{finding("trial", s.cfg.fault(err, false))}
	}
	if word, _ := texts(r); word != "ok" {
		return []fencepost.Finding{finding("trial", s.cfg.answer(r, k))}
	}
	if !s.cfg.NoLedger {
		if err := s.tryCommit(ctx, g, k); err != nil {
			return []fencepost.Finding{finding("trial", err)}
		}
	}
	var tried []string
	for i, name := range names[3:] {
		if slices.Contains(names[3:3+i], name) {
			continue
		}
		if len(tried) == 3 {
			tried = append(tried, "...")
			break
		}
		tried = append(tried, name)
	}
	return []fencepost.Finding{{Subject: "trial", OK: true, Text: fmt.Sprintf("the user may write %s%s, and no key has another type", strings.Join(tried, ", "), what)}}
}

// tryCommit runs the script of commits without a move and without an effect. It then writes nothing.
func (s *Sink) tryCommit(ctx context.Context, g fencepost.Group, k keys) error {
	long := packs.Get().(*packed)
	defer packs.Put(long)
	long.reset()
	r, err := s.ledger.client.commit(ctx, []string{k.positions, k.head, k.moves}, []any{version, "", string(g), "", "check", 0, 0, "", "", long.bytes()})
	if err != nil {
		return s.cfg.fault(err, false)
	}
	if word, _ := texts(r); word != "ok" && word != "identity" { // which the first run makes
		return s.cfg.answer(r, k)
	}
	return nil
}

// sample is a batch of one row in which texts are their columns' names.
func sample(columns []fencepost.ColumnSpec) *fencepost.Batch {
	b := &fencepost.Batch{Offsets: []fencepost.Offset{0}, Times: []int64{0}}
	for _, spec := range append(columns[:len(columns):len(columns)], fencepost.MetaColumns()[4:]...) {
		c := fencepost.Column{Name: spec.Name, Type: spec.Type}
		switch spec.Type {
		case fencepost.Int, fencepost.Timestamp:
			c.AppendInt(0)
		case fencepost.Bool:
			c.AppendBool(false)
		case fencepost.Float:
			c.AppendFloat(0)
		case fencepost.Decimal:
			c.AppendText("0")
		case fencepost.Date, fencepost.Time, fencepost.UUID:
			c.AppendText(map[fencepost.Type]string{fencepost.Date: "2001-02-03", fencepost.Time: "12:34:56", fencepost.UUID: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}[spec.Type])
		case fencepost.Text, fencepost.JSON, fencepost.Bytes:
			c.AppendText(spec.Name)
		}
		b.Columns = append(b.Columns, c)
	}
	b.Segments = []fencepost.Segment{{Lo: 0, Hi: 1, TopicPartition: fencepost.TopicPartition{Topic: "topic"}}}
	return b
}

package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/gomodule/redigo/redis"
)

// rosterChange is one entry of the topics as it was looked at, and as it is going to be.
type rosterChange struct{ topic, was, is string }

// commit is one run of the script: the moves, and the effects with them. It is the one way in which a ledger changes.
type commit struct {
	cfg      Config
	writer   ledger.Actor
	moves    []ledger.Move // valid, distinct
	roster   []rosterChange
	effects  *plan // nil: none
	letters  letters
	memo     *memo // of the lane or ledger
	identity string
}

// commit runs the script, once. Canceled while the answer is out, it closes the connection: the script goes on.
func (c *client) commit(ctx context.Context, keys []string, args []any) (r []any, err error) {
	if err := ctx.Err(); err != nil {
		return nil, &errUnsent{err}
	}
	err = c.on(ctx, func(conn redis.Conn) error {
		r, err = eval(conn, commitScript, keys, args)
		return err
	})
	return r, err
}

// run runs the script, twice where the group has no identity yet.
func (c *commit) run(ctx context.Context, client *client) error {
	if c.writer.Group == "" {
		return errors.New("the group has no name")
	}
	for _, m := range c.moves {
		if strings.Contains(m.Topic, "|") {
			return fmt.Errorf("move %s: no topic of Kafka has | in its name", m.TopicPartition)
		}
		if len(m.Topic) > longest {
			return fmt.Errorf("move of a topic with %d bytes of name: no topic of Kafka has so many", len(m.Topic))
		}
	}
	k := keysOf(c.cfg.Key, c.writer.Group)
	names := []string{k.positions, k.head, k.moves}
	if c.effects != nil {
		names = append(names, c.effects.keys...)
	}
	if !c.letters.none() {
		names = append(names, k.letters)
	}
	long := packs.Get().(*packed)
	defer packs.Put(long)
	who := escaped(c.writer.Who)
	args := []any{version, "", string(c.writer.Group), c.writer.ClusterID, who, len(c.moves), len(c.roster), c.pack(long), nil, nil}
	args[8], args[9] = long.prior, long.bytes()
	for {
		args[1] = c.identity
		r, err := client.commit(ctx, names, args)
		if err != nil {
			return c.cfg.fault(err, true)
		}
		switch word, rest := texts(r); {
		case word == "ok" && len(rest) > 0:
			c.memo.learn(long, c.writer.Group, c.moves, who, rest[0], rest[1:])
			return nil
		case word == "refused":
			return c.refused(k, rest)
		case word == "roster":
			return errRoster
		case word == "identity" && c.identity == "":
			if c.identity, err = makeIdentity(ctx, c.cfg, client); err != nil {
				return err
			}
		default:
			return c.cfg.answer(r, k)
		}
	}
}

// apply runs the script for effects alone: it looks at no ledger, and writes none.
func (p *plan) apply(ctx context.Context, c Config, client *client) error {
	long := packs.Get().(*packed)
	defer packs.Put(long)
	long.reset()
	p.append(&long.list, 1)
	r, err := client.commit(ctx, p.keys, []any{version, "", "", "", "", 0, 0, "apply", "", long.bytes()})
	if err != nil {
		return c.fault(err, true)
	}
	if word, _ := texts(r); word == "ok" {
		return nil
	}
	return c.answer(r, keys{})
}

// pack fills the script's long arguments. What it returns is the record of every move, where all have the same, or `*`
// where each has its own in the list.
func (c *commit) pack(p *packed) (records string) {
	p.reset()
	for _, m := range c.moves {
		p.field(m.TopicPartition)
	}
	c.memo.pack(p, c.writer.Group, c.moves, c.cfg.KeepCommits)
	for i, m := range c.moves {
		r := recordOf(m, c.writer.Who, c.cfg.KeepCommits)
		if i == 0 {
			records = r
		}
		if r != records || len(r) > len(merged) {
			records = "*"
			break
		}
	}
	if records == "*" {
		for _, m := range c.moves {
			p.text(recordOf(m, c.writer.Who, c.cfg.KeepCommits))
		}
	}
	for _, e := range c.roster {
		p.text(e.topic)
		p.text(e.was)
		p.text(e.is)
	}
	c.effects.append(&p.list, 4)
	if !c.letters.none() {
		place := 4
		if c.effects != nil {
			place += len(c.effects.keys)
		}
		c.letters.append(&p.list, place)
	}
	return records
}

// refused is a *Refused of what the script says that the hash holds.
func (c *commit) refused(k keys, rest []string) error {
	held := make(map[fencepost.TopicPartition]ledger.Position, len(rest)/2)
	for i := 0; i+1 < len(rest); i += 2 {
		n, err := strconv.Atoi(rest[i])
		if err != nil || n < 1 || n > len(c.moves) {
			return fmt.Errorf("the script refused move %q of %d", rest[i], len(c.moves))
		}
		tp := c.moves[n-1].TopicPartition
		held[tp] = ledger.Position{}
		if v, ok := strings.CutPrefix(rest[i+1], "="); ok {
			h, err := parse(tp, v)
			if err != nil {
				return damaged(k.positions, err)
			}
			held[tp] = h.Position
		}
	}
	return &ledger.Refused{Held: held}
}

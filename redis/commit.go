package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	goredis "github.com/redis/go-redis/v9"
)

// rosterChange is one entry of the Roster as it was looked at, and as it is going to be.
type rosterChange struct{ topic, was, is string }

// commit is one run of the script: the moves, and the effects with them. It is the one way in which a ledger changes.
type commit struct {
	cfg      Config
	writer   fencepost.Writer
	moves    []fencepost.Move // valid, distinct
	roster   []rosterChange
	effects  *plan // nil: none
	identity string
}

// run runs the script, twice where the group has no identity yet. REQUIRES: ctx is not cancelled while it runs.
func (c *commit) run(ctx context.Context, client *goredis.Client) error {
	if c.writer.Group == "" {
		return errors.New("the group has no name")
	}
	for _, m := range c.moves {
		if strings.Contains(m.Topic, "|") {
			return fmt.Errorf("move %s: no topic of Kafka has | in its name", m.TopicPartition)
		}
	}
	k := keysOf(c.cfg.Key, c.writer.Group)
	for {
		names := []string{k.positions, k.head, k.moves}
		if c.effects != nil {
			names = append(names, c.effects.keys...)
		}
		r, err := eval(ctx, client, commitScript, names, c.args())
		if err != nil {
			return c.cfg.fault(err, true)
		}
		switch word, rest := texts(r); {
		case word == "ok":
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

// args are the script's arguments.
func (c *commit) args() []any {
	n := len(c.moves)
	args := make([]any, 0, 7+4*n+3*len(c.roster)+c.effects.size())
	args = append(args, version, c.identity, string(c.writer.Group), c.writer.ClusterID, escaped(c.writer.Who), n, len(c.roster))
	for _, m := range c.moves {
		args = append(args, field(m.TopicPartition))
	}
	for _, m := range c.moves {
		args = append(args, expected(m.Held))
	}
	for _, m := range c.moves {
		from := m.Next.Offset
		if m.Cause == fencepost.CauseCommit {
			from = m.Held.Offset // else nothing was applied, and behind a rewind it would stand behind until
		}
		args = append(args, strconv.FormatInt(int64(from), 10)+"|"+tail(m.Next))
	}
	for _, m := range c.moves {
		args = append(args, recordOf(m, c.writer.Who, c.cfg.KeepCommits))
	}
	for _, e := range c.roster {
		args = append(args, e.topic, e.was, e.is)
	}
	return c.effects.append(args, 4)
}

// refused is a *Refused of what the script says that the hash holds.
func (c *commit) refused(k keys, rest []string) error {
	held := make(map[fencepost.TopicPartition]fencepost.Position, len(rest)/2)
	for i := 0; i+1 < len(rest); i += 2 {
		n, err := strconv.Atoi(rest[i])
		if err != nil || n < 1 || n > len(c.moves) {
			return fmt.Errorf("the script refused move %q of %d", rest[i], len(c.moves))
		}
		tp := c.moves[n-1].TopicPartition
		held[tp] = fencepost.Position{}
		if v, ok := strings.CutPrefix(rest[i+1], "="); ok {
			h, err := parse(tp, v)
			if err != nil {
				return damaged(k.positions, err)
			}
			held[tp] = h.Position
		}
	}
	return &fencepost.Refused{Held: held}
}

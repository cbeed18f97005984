package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Ledger is the Positions of groups, each in a hash of its own.
type Ledger struct {
	cfg    Config
	client *client
	memo   memo
}

var (
	_ ledger.Ledger  = (*Ledger)(nil)
	_ ledger.History = (*Ledger)(nil)
	_ ledger.Letters = (*Ledger)(nil)
)

// ledgerConns is how many connections a Ledger takes at most.
const ledgerConns = 4

// OpenLedger makes a Ledger without a sink; Config.Effects is not looked at. It connects to nothing yet.
func OpenLedger(c Config) (*Ledger, error) {
	c.Effects, c.Deletes = nil, nil
	c, err := c.validate()
	if err != nil {
		return nil, err
	}
	return newLedger(c), nil
}

func newLedger(c Config) *Ledger { return &Ledger{cfg: c, client: connect(c, ledgerConns)} }

// Close closes the ledger's connections.
func (l *Ledger) Close() error { return l.client.Close() }

// Read returns the group's content as of one moment.
func (l *Ledger) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	snap, _, err := l.read(ctx, g)
	if err != nil {
		return ledger.Snapshot{}, fmt.Errorf("read ledger of group %s: %w", g, err)
	}
	return snap, nil
}

// read is the group's content, with the topics' entries as the head has them.
func (l *Ledger) read(ctx context.Context, g fencepost.Group) (snap ledger.Snapshot, roster map[string]string, err error) {
	k := keysOf(l.cfg.Key, g)
	r, err := ask(ctx, l.client, readScript, []string{k.positions, k.head}, nil)
	if err != nil {
		return snap, nil, l.cfg.fault(err, false)
	}
	if err := l.client.again(ctx, keepsKeys); err != nil {
		return snap, nil, l.cfg.fault(err, false)
	}
	head, values := pairs(r, 0), pairs(r, 1)
	if err := checkVersion(head["version"]); err != nil {
		return snap, nil, err
	}
	if named, ok := head["group"]; ok && named != string(g) {
		return snap, nil, l.cfg.answer([]any{"group", named}, k)
	}
	snap.ClusterID = head["cluster"]
	if snap.Ledger, err = l.identity(ctx, head["id"]); err != nil {
		return snap, nil, err
	}
	snap.Topics, roster = map[string]ledger.TopicState{}, map[string]string{}
	for f, v := range head {
		topic, ok := strings.CutPrefix(f, rosterField)
		if !ok {
			continue
		}
		if snap.Topics[topic], err = parseEntry(topic, v); err != nil {
			return snap, nil, damaged(k.head, err)
		}
		roster[topic] = v
	}
	snap.Positions = make(map[fencepost.TopicPartition]ledger.Position, len(values))
	for f, v := range values {
		tp, err := parseField(f)
		if err != nil {
			return snap, nil, damaged(k.positions, err)
		}
		h, err := parse(tp, v)
		if err != nil {
			return snap, nil, damaged(k.positions, err)
		}
		snap.Positions[tp] = h.Position
	}
	return snap, roster, nil
}

// damaged is the UserError of a key that holds what no program of these formats wrote.
func damaged(key string, err error) error {
	return &fencepost.UserError{Code: "redis-damaged", Err: fmt.Errorf("key %s: %w", key, err), Exit: 1,
		Help: "look at it with HGETALL; another program may use this key: take another one"}
}

// pairs is the i-th element of an answer, a flat list of fields and values, as a map.
func pairs(r []any, i int) map[string]string {
	if i >= len(r) {
		return nil
	}
	list, _ := r[i].([]any)
	m := make(map[string]string, len(list)/2)
	for j := 0; j+1 < len(list); j += 2 {
		m[text(list[j])] = text(list[j+1])
	}
	return m
}

// checkVersion refuses a format that is newer, or is none.
func checkVersion(v string) error {
	if v == "" {
		return nil
	}
	known, _ := strconv.Atoi(version)
	if n, err := strconv.Atoi(v); err != nil || n > known {
		return fmt.Errorf("%w: version %s, this program knows %s", ledger.ErrNewer, v, version)
	}
	return nil
}

// identity is what the group's head says, or else that of all groups under this pattern, made if there is none.
func (l *Ledger) identity(ctx context.Context, named string) (id fencepost.LedgerID, err error) {
	if named == "" {
		if named, err = makeIdentity(ctx, l.cfg, l.client); err != nil {
			return id, err
		}
	}
	b, err := hex.DecodeString(named)
	if err != nil || len(b) != len(id) {
		return id, damaged(identityKey(l.cfg.Key), fmt.Errorf("identity %q is not 32 hexadecimal digits", named))
	}
	return fencepost.LedgerID(b), nil
}

// makeIdentity returns the ledger's identity; the first caller makes it.
func makeIdentity(ctx context.Context, c Config, client *client) (string, error) {
	var fresh fencepost.LedgerID
	rand.Read(fresh[:])
	r, err := ask(ctx, client, identityScript, []string{identityKey(c.Key)}, []any{version, fresh.String()})
	if err != nil {
		return "", fmt.Errorf("make the ledger's identity: %w", c.fault(err, false))
	}
	v, id := texts(r)
	if err := checkVersion(v); err != nil {
		return "", err
	}
	return id[0], nil
}

// Move makes all moves or none.
func (l *Ledger) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	moves, err := ledger.InOrder(moves)
	if err != nil {
		return err
	}
	if err := l.move(ctx, w, moves); err != nil {
		return fmt.Errorf("move ledger of group %s: %w", w.Group, err)
	}
	return nil
}

// errRoster says that another writer changed the topics between our look and our script. Nothing happened.
var errRoster = errors.New("the roster changed under the move")

// rosterTries is how often a start looks at the topics again. Each try lost is a start of another worker that won.
const rosterTries = 100

// move makes moves; starts and imports look at the topics first, and again while others change it.
func (l *Ledger) move(ctx context.Context, w ledger.Actor, moves []ledger.Move) (err error) {
	starts := slices.ContainsFunc(moves, ledger.Move.Enrolls)
	for range rosterTries {
		var changes []rosterChange
		if starts {
			if changes, err = l.enroll(ctx, w, moves); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c := commit{cfg: l.cfg, writer: w, moves: moves, roster: changes, memo: &l.memo}
		if err = c.run(ctx, l.client); !errors.Is(err, errRoster) {
			return err
		}
	}
	return err
}

// enroll returns how the starts and imports among moves change the topics. Where they may not, a refusal comes first: the
// mover's state is out of date.
func (l *Ledger) enroll(ctx context.Context, w ledger.Actor, moves []ledger.Move) ([]rosterChange, error) {
	snap, stands, err := l.read(ctx, w.Group)
	if err != nil {
		return nil, err
	}
	after, err := ledger.Enroll(snap.Topics, moves)
	if err != nil {
		if other := w.ClusterID; other != "" && snap.ClusterID != "" && snap.ClusterID != other {
			return nil, fmt.Errorf("%w: the ledger's is %s", ledger.ErrOtherCluster, snap.ClusterID)
		}
		if refused := ledger.Compare(snap.Positions, moves); refused != nil {
			return nil, refused
		}
		return nil, err
	}
	var changes []rosterChange
	for topic, e := range after {
		if v := entry(e); v != stands[topic] {
			changes = append(changes, rosterChange{topic: topic, was: stands[topic], is: v})
		}
	}
	return changes, nil
}

//go:build realservers

package scenarios

import (
	"context"
	"fmt"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// chaosRedis is a stream for each partition: an entry a row, in their order.
type chaosRedis struct {
	r      *ring
	at     servers.RedisServer
	own    *servers.OwnRedisServer
	book   ledger.Ledger
	client *goredis.Client
}

func newChaosRedis(t *testing.T, r *ring) chaosStore {
	s := &chaosRedis{r: r}
	if r.ownStore() {
		s.own = servers.OwnRedis(t)
		s.at = s.own.RedisServer
	} else {
		s.at = servers.Redis(t)
	}
	book, err := redis.OpenLedger(redis.Config{Addr: s.at.Addr(), Password: servers.RedisPassword})
	must(t, err)
	t.Cleanup(func() { _ = book.Close() })
	s.book = book
	s.client = goredis.NewClient(&goredis.Options{Addr: s.at.Addr(), Password: servers.RedisPassword, ReadTimeout: time.Minute})
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

func (s *chaosRedis) sink() string {
	return fmt.Sprintf(`{redis: {addr: "${STORE}", password: %q, commands: ["XADD rows:{group}:{_partition} * o {_offset} n {n}"]}}`, servers.RedisPassword)
}
func (s *chaosRedis) upstream() string               { return s.at.Addr() }
func (s *chaosRedis) ledger() ledger.Ledger          { return s.book }
func (s *chaosRedis) address(hostPort string) string { return hostPort }

func (s *chaosRedis) server() *servers.Own {
	if s.own == nil {
		return nil
	}
	return s.own.Own
}

// On the shared server other tests have sessions too, and everybody would wait.
func (s *chaosRedis) kinds() []chaos.Kind {
	if s.own == nil {
		return nil
	}
	return append([]chaos.Kind{chaos.Terminate, chaos.LockStore}, serverKinds...)
}

func (s *chaosRedis) strike(step chaos.Step) {
	ctx, cancel := context.WithTimeout(s.r.t.Context(), 10*time.Second)
	defer cancel()
	var err error
	switch {
	case step.Kind == chaos.Terminate: // and the script is forgotten
		err = s.client.Do(ctx, "SCRIPT", "FLUSH").Err()
		_ = s.client.Do(ctx, "CLIENT", "KILL", "TYPE", "normal").Err()
	case step.Kind == chaos.LockStore && !step.Undo:
		err = s.client.Do(ctx, "CLIENT", "PAUSE", step.For.Milliseconds(), "WRITE").Err()
	case step.Kind == chaos.LockStore:
		err = s.client.Do(ctx, "CLIENT", "UNPAUSE").Err()
	default:
		strikeServer(s.own.Own, step)
	}
	if err != nil {
		s.r.say("%s: %v", step.Kind, err)
	}
}

func (s *chaosRedis) rows(ctx context.Context, partitions int) (map[fencepost.TopicPartition][]chaos.Entry, error) {
	all := map[fencepost.TopicPartition][]chaos.Entry{}
	for p := range partitions {
		tp, most := at(s.r.topic, int32(p)), int64(10_000)
		for from, more := "-", true; more; {
			entries, err := s.client.XRangeN(ctx, fmt.Sprintf("rows:{%s}:%d", s.r.group, p), from, "+", most).Result()
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				from = "(" + e.ID
				all[tp] = append(all[tp], chaos.Entry{Offset: fencepost.Offset(number(s.r.t, fmt.Sprint(e.Values["o"]))), Value: number(s.r.t, fmt.Sprint(e.Values["n"]))})
			}
			more = int64(len(entries)) == most
		}
	}
	return all, nil
}

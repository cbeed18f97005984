//go:build realservers

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/trial"
)

func TestMain(m *testing.M) { servers.Main(m) }

// receiver is a webhook that notes what it was sent.
type receiver struct {
	mu    sync.Mutex
	sent  map[string]int    // :: key -> how often
	body  map[string]string // :: key -> the value
	takes func(key string, n int) int
	n     int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	key := req.Header.Get("Idempotency-Key")
	if r.takes != nil {
		if code := r.takes(key, r.n); code != 0 {
			w.WriteHeader(code)
			return
		}
	}
	value, _ := io.ReadAll(req.Body)
	r.sent[key]++
	r.body[key] = string(value)
}

// begin starts a webhook and a broker with a topic of three partitions, and sets the environment for them.
func begin(t *testing.T) (*receiver, *goredis.Client) {
	t.Helper()
	was := []string{topic, string(group), server, password, hash, url}
	wasBrokers := brokers
	t.Cleanup(func() {
		brokers, topic, group, server, password, hash, url = wasBrokers, was[0], fencepost.Group(was[1]), was[2], was[3], was[4], was[5]
	})
	r := &receiver{sent: map[string]int{}, body: map[string]string{}}
	hook := httptest.NewServer(r)
	t.Cleanup(hook.Close)
	name := servers.Name(t)
	brokers, group, hash, url = []string{trial.Broker(t)}, fencepost.Group(name), name, hook.URL
	server, password = servers.Redis(t).Addr(), servers.RedisPassword
	trial.Feed(t, brokers[0], topic, 3, trial.Flights(0, 0))
	c := goredis.NewClient(&goredis.Options{Addr: server, Password: password})
	t.Cleanup(func() { c.Close() })
	return r, c
}

// produce writes n records to each partition.
func produce(t *testing.T, from, n int) {
	t.Helper()
	var records []*kgo.Record
	for p := range int32(3) {
		for i := from; i < from+n; i++ {
			records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: fmt.Appendf(nil, "v%d.%d", p, i)})
		}
	}
	trial.Send(t, brokers[0], records...)
}

// old reads the hash as a program of the old kind does: split field and value on |, take parts 0 and 1.
func old(t *testing.T, c *goredis.Client) map[string]int {
	t.Helper()
	all, err := c.HGetAll(context.Background(), hash).Result()
	if err != nil {
		t.Fatal(err)
	}
	until := map[string]int{}
	for field, value := range all {
		parts := strings.Split(value, "|")
		n, err := strconv.Atoi(parts[1])
		if _, bad := strconv.Atoi(parts[0]); err != nil || bad != nil {
			t.Fatalf("value %q of field %q is not from|until", value, field)
		}
		until[strings.Split(field, "|")[1]] = n
	}
	return until
}

// wants fails unless records [0, n) of partition p were sent, those in twice two times.
func (r *receiver) wants(t *testing.T, p, n int, twice map[string]bool) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range n {
		key := fmt.Sprintf("%s|%d|%d", topic, p, i)
		times := 1
		if twice[key] {
			times = 2
		}
		if r.sent[key] != times || r.body[key] != fmt.Sprintf("v%d.%d", p, i) {
			t.Errorf("record %s was sent %d times, as %q; want %d times", key, r.sent[key], r.body[key], times)
		}
	}
	if r.sent[fmt.Sprintf("%s|%d|%d", topic, p, n)] != 0 {
		t.Errorf("a record behind %d of partition %d was sent", n-1, p)
	}
}

// Each record is sent, the hash says how far in the old form, and the next run takes what has come since.
func TestEachRecordIsSent(t *testing.T) {
	r, c := begin(t)
	produce(t, 0, 100)
	if err := trial.Run(t, run).Wait(); err != nil {
		t.Fatalf("first run: %v", err)
	}
	produce(t, 100, 30)
	for range 2 {
		if err := trial.Run(t, run).Wait(); err != nil {
			t.Fatalf("next run: %v", err)
		}
	}
	for p := range 3 {
		r.wants(t, p, 130, nil)
		if got := old(t, c)[strconv.Itoa(p)]; got != 130 {
			t.Errorf("an old reader finds partition %d at %d, want 130", p, got)
		}
	}
}

// A receiver that fails for a moment: what went before the failure in the batch is sent again, and nothing else.
func TestFailingReceiverCostsABatchAtMost(t *testing.T) {
	r, _ := begin(t)
	produce(t, 0, 100)
	again, before := map[string]bool{}, []string{}
	r.takes = func(key string, n int) int {
		if n == 47 {
			for k := range r.sent {
				before = append(before, k)
			}
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if err := trial.Run(t, run).Wait(); err != nil {
		t.Fatalf("run: %v", err)
	}
	for _, k := range before {
		if r.sent[k] == 2 {
			again[k] = true
		}
	}
	if len(again) >= 20 {
		t.Errorf("%d records were sent again, want less than a batch of 20", len(again))
	}
	for p := range 3 {
		r.wants(t, p, 100, again)
	}
}

// A record that the receiver never takes parks its partition in front of it; the others are done.
func TestRefusedRecordStopsItsPartitionOnly(t *testing.T) {
	r, c := begin(t)
	produce(t, 0, 50)
	bad := fmt.Sprintf("%s|%d|%d", topic, 1, 33)
	r.takes = func(key string, _ int) int {
		if key == bad {
			return http.StatusUnprocessableEntity
		}
		return 0
	}
	err := trial.Run(t, run).Wait()
	if fault, ok := errors.AsType[*fencepost.UserError](err); !ok || fault.Code != "parked-left" {
		t.Errorf("run over a bad record: got %v, want parked-left", err)
	}
	if got := old(t, c); got["0"] != 50 || got["1"] != 33 || got["2"] != 50 {
		t.Errorf("an old reader finds %v, want 50, 33 and 50", got)
	}
	if r.sent[bad] != 0 || r.sent[fmt.Sprintf("%s|%d|%d", topic, 1, 34)] != 0 {
		t.Error("records from the refused one on were taken")
	}
}

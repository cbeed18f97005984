package atleastonce_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/atleastonce"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/broker"
)

// listed is what a function was given: each value, and how often.
type listed struct {
	mu    sync.Mutex
	times map[string]int
	calls int
	at    func(call int) error // what befalls a call, behind its effect
}

func (l *listed) note(_ context.Context, b *fencepost.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	value := b.Column("value")
	for row := range b.All() {
		l.times[string(value.Bytes(row))]++
	}
	if l.at != nil {
		return l.at(l.calls)
	}
	return nil
}

// Records of a broker reach a function by the engine, in two runs. The first is stopped in the moment between an effect
// and its move, and the ledger loses answers in both: all records have their effect, and none but those of the batch in
// flight has it twice.
func TestFunctionBehindTheEngine(t *testing.T) {
	const partitions, records, most = 3, 2000, 100
	b, err := broker.Start(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the broker: %v", err)
		}
	})
	feed(t, b, partitions, records)
	ledger, effects := memory.Open(), &listed{times: map[string]int{}}
	run := func(ctx context.Context) error {
		decoder, err1 := decode.Raw(fencepost.ColumnSpec{Name: "value", Type: fencepost.Bytes})
		source, err2 := kafka.Open(kafka.Config{Brokers: []string{b.Addr()}, Group: "g", Topics: []string{"events"}})
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		return engine.Run(ctx, engine.Config{Source: source, Sink: atleastonce.Func(ledger, effects.note), Decoder: decoder,
			Batch: engine.BatchBounds{Records: most}, Until: engine.Until{End: true}, Events: func(engine.Event) {}})
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	effects.at = func(call int) error {
		switch {
		case call%5 == 0:
			ledger.Inject(memory.Fault(1 + call/5%3))
		case call == 23: // no move of this one will be made
			ledger.SetHook(func(_ context.Context, p memory.Point) error {
				if p == memory.BeforeApply {
					stop()
					return &fencepost.UserError{Code: "gone", Err: errors.New("the process is gone")}
				}
				return nil
			})
		}
		return nil
	}
	if err := run(ctx); err == nil {
		t.Fatal("the first run came to an end, it should have been cut")
	}
	ledger.SetHook(nil)
	if err := run(t.Context()); err != nil {
		t.Fatalf("second run: %v", err)
	}
	twice := 0
	for p := range partitions {
		for i := range records {
			switch n := effects.times[fmt.Sprintf("%d@%d", p, i)]; n {
			case 1:
			case 2:
				twice++
			default:
				t.Fatalf("record %d of partition %d had its effect %d times", i, p, n)
			}
		}
		snap, err := ledger.Read(t.Context(), "g")
		if got := snap.Positions[fencepost.TopicPartition{Topic: "events", Partition: int32(p)}].Offset; err != nil || got != records {
			t.Errorf("the ledger holds %d of partition %d, %v; want %d", got, p, err, records)
		}
	}
	if twice == 0 || twice > most {
		t.Errorf("%d records had their effect twice, want those of one batch, 1 to %d", twice, most)
	}
}

// feed makes the topic and fills it.
func feed(t *testing.T, b *broker.Broker, partitions, records int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), int32(partitions), 1, nil, "events"); err != nil {
		t.Fatal(err)
	}
	var all []*kgo.Record
	for i := range records {
		for p := range partitions {
			all = append(all, &kgo.Record{Topic: "events", Partition: int32(p), Value: fmt.Appendf(nil, "%d@%d", p, i)})
		}
	}
	if err := cl.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/trial"
)

// begin starts a broker with an empty topic of three partitions, and sets the environment for it and a file of its own.
func begin(t *testing.T) {
	t.Helper()
	wasBrokers, wasPath := brokers, path
	t.Cleanup(func() { brokers, path = wasBrokers, wasPath })
	brokers, path = []string{trial.Broker(t)}, filepath.Join(t.TempDir(), "messages.db")
	trial.Feed(t, brokers[0], topic, 3, trial.Flights(0, 0))
}

// send writes n records to each partition, and returns the rows that they must become. Each third has no key, each
// fifth no value.
func send(t *testing.T, from, n int) (want []string) {
	t.Helper()
	var records []*kgo.Record
	for p := range int32(3) {
		for i := from; i < from+n; i++ {
			r := &kgo.Record{Topic: topic, Partition: p, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "v%d.%d", p, i)}
			key, value := string(r.Key), string(r.Value)
			if i%3 == 0 {
				r.Key, key = nil, "null"
			}
			if i%5 == 0 {
				r.Value, value = nil, "null"
			}
			records = append(records, r)
			want = append(want, fmt.Sprintf("%s|%d at %d: %s %s", topic, p, i, key, value))
		}
	}
	trial.Send(t, brokers[0], records...)
	return want
}

// rows is what the table holds, by partition and then in the order of writing.
func rows(t *testing.T) (got []string) {
	t.Helper()
	conn, err := driver.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteTransient(conn, `SELECT source, at, coalesce(key, 'null'), coalesce(value, 'null') FROM messages ORDER BY source, rowid`,
		&sqlitex.ExecOptions{ResultFunc: func(s *driver.Stmt) error {
			got = append(got, fmt.Sprintf("%s at %d: %s %s", s.ColumnText(0), s.ColumnInt64(1), s.ColumnText(2), s.ColumnText(3)))
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// passed is how many records the ledger has passed.
func passed(t *testing.T) int64 {
	t.Helper()
	sink, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Table: "messages"})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	return trial.Passed(t, sink.Ledger(), string(group))
}

// merged are the rows of two sends of n and m records, in the order of rows.
func merged(a, b []string, n, m int) (all []string) {
	for p := range 3 {
		all = append(append(all, a[p*n:(p+1)*n]...), b[p*m:(p+1)*m]...)
	}
	return all
}

// The function is called once for each record, with all there is of it; the next run takes what has come since.
func TestEachMessageIsHandledOnce(t *testing.T) {
	begin(t)
	first := send(t, 0, 1000)
	if err := trial.Run(t, run).Wait(); err != nil {
		t.Fatalf("first run: %v", err)
	}
	if diff := cmp.Diff(first, rows(t)); diff != "" {
		t.Errorf("rows of the first run (-want +got):\n%s", diff)
	}
	second := send(t, 1000, 300)
	for range 2 { // the third finds nothing to do
		if err := trial.Run(t, run).Wait(); err != nil {
			t.Fatalf("next run: %v", err)
		}
	}
	if diff := cmp.Diff(merged(first, second, 1000, 300), rows(t)); diff != "" {
		t.Errorf("rows of all runs (-want +got):\n%s", diff)
	}
	if got := passed(t); got != 3*1300 {
		t.Errorf("the ledger has passed %d records, want %d", got, 3*1300)
	}
}

// A record that the function refuses is not passed, nor any behind it; the other partitions are done.
func TestRefusedMessageIsNotPassed(t *testing.T) {
	begin(t)
	first := send(t, 0, 100)
	trial.Send(t, brokers[0], &kgo.Record{Topic: topic, Partition: 1, Value: []byte{0xff}})
	second := send(t, 101, 50)
	// Only partition 1 has a record at 100: the others' second part begins there.
	want := append([]string(nil), first[:100]...)
	for i, p := range []int{0, 2} {
		if i == 1 {
			want = append(append(want, first[100:200]...), first[200:]...)
		}
		for j, row := range second[p*50 : (p+1)*50] {
			_, rest, _ := strings.Cut(row, ": ")
			want = append(want, fmt.Sprintf("%s|%d at %d: %s", topic, p, 100+j, rest))
		}
	}
	for range 2 {
		err := trial.Run(t, run).Wait()
		if fault, ok := errors.AsType[*fencepost.UserError](err); !ok || fault.Code != "parked-left" {
			t.Errorf("run over a bad record: got %v, want parked-left", err)
		}
		if diff := cmp.Diff(want, rows(t)); diff != "" {
			t.Fatalf("rows (-want +got):\n%s", diff)
		}
		if got := passed(t); got != 400 {
			t.Errorf("the ledger has passed %d records, want 150 + 100 + 150", got)
		}
	}
}

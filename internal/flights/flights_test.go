package flights

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The sums published with the data; Truth itself is computed.
var (
	sum200k = Total{Rows: 200_000, Delay: 1_809_922, Distance: 145_843_075}
	sum3m   = Total{Rows: 3_000_000, Delay: 20_003_603, Distance: 2_194_861_208}
)

func TestFirst200kHasThePublishedSums(t *testing.T) {
	truth := TruthOf(First200k().All())
	if truth.Total != sum200k || len(truth.Origins) != 223 {
		t.Errorf("got %+v from %d origins, want %+v from 223", truth.Total, len(truth.Origins), sum200k)
	}
}

func TestAllFlightsHaveThePublishedSums(t *testing.T) {
	table := openAll(t)
	truth := TruthOf(table.All())
	if truth.Total != sum3m || len(truth.Origins) != 229 {
		t.Errorf("got %+v from %d origins, want %+v from 229", truth.Total, len(truth.Origins), sum3m)
	}
	for origin, want := range map[string]int64{"ATL": 124_711, "ORD": 166_341} {
		if got := truth.Origins[origin].Rows; got != want {
			t.Errorf("got %d flights from %s, want %d", got, origin, want)
		}
	}
	var sum Total
	for _, o := range truth.Origins {
		sum = Total{sum.Rows + o.Rows, sum.Delay + o.Delay, sum.Distance + o.Distance}
	}
	if sum != truth.Total {
		t.Errorf("the origins sum up to %+v, the whole to %+v", sum, truth.Total)
	}
}

func TestTheFirstRowsOfBothFilesAreEqual(t *testing.T) {
	all := openAll(t)
	rows200k := slices.Collect(First200k().All())
	rows3m := slices.Collect(all.All())
	if !slices.Equal(rows3m[:len(rows200k)], rows200k) {
		t.Error("the first 200,000 of all flights are not the flights in the binary")
	}
	if !slices.IsSortedFunc(rows3m, func(a, b Flight) int { return a.Date.Compare(b.Date) }) {
		t.Error("the flights do not ascend by date")
	}
}

func TestFlightAsJSON(t *testing.T) {
	rows := slices.Collect(First200k().All())
	got := string(rows[0].AppendJSON([]byte("before ")))
	want := `before {"date":"2001-01-01T00:01:00","delay":33,"distance":2176,"origin":"LAS","destination":"PHL"}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, f := range rows {
		want := fmt.Sprintf(`{"date":%q,"delay":%d,"distance":%d,"origin":%q,"destination":%q}`,
			f.Date.Format("2006-01-02T15:04:05"), f.Delay, f.Distance, f.Origin, f.Destination)
		if got := string(f.AppendJSON(nil)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestTableCanBeLeftEarly(t *testing.T) {
	n := 0
	for range First200k().All() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("walked %d flights, want 3", n)
	}
}

func TestTruthOfNothing(t *testing.T) {
	want := Truth{Origins: map[string]Total{}}
	if diff := cmp.Diff(want, TruthOf(slices.Values([]Flight(nil)))); diff != "" {
		t.Errorf("truth of no flights (-want +got):\n%s", diff)
	}
}

func openAll(t testing.TB) *Table {
	t.Helper()
	data, err := os.ReadFile("testdata/flights-3m.fpz")
	if err != nil {
		t.Fatal(err)
	}
	return mustDecode(t, data)
}

func BenchmarkDecode3M(b *testing.B) {
	for b.Loop() {
		openAll(b)
	}
}

func BenchmarkTruth3M(b *testing.B) {
	table := openAll(b)
	for b.Loop() {
		TruthOf(table.All())
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	f := Flight{Date: time.Date(2001, 3, 4, 5, 6, 0, 0, time.UTC), Delay: -4, Distance: 2176, Origin: "LAS", Destination: "PHL"}
	line := make([]byte, 0, 128)
	for b.Loop() {
		line = f.AppendJSON(line[:0])
	}
}

func ExampleTruthOf() {
	truth := TruthOf(First200k().All())
	fmt.Println(truth.Rows, truth.Delay, truth.Distance, len(truth.Origins))
	origins := slices.Sorted(maps.Keys(truth.Origins))
	fmt.Println(origins[0], truth.Origins[origins[0]].Rows)
	// Output:
	// 200000 1809922 145843075 223
	// ABE 196
}

func ExampleFlight_AppendJSON() {
	for f := range First200k().All() {
		fmt.Println(string(f.AppendJSON(nil)))
		break
	}
	// Output: {"date":"2001-01-01T00:01:00","delay":33,"distance":2176,"origin":"LAS","destination":"PHL"}
}

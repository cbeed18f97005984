package flights

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

var source = flag.String("parquet", "", "make both files of this folder again from the parquet file they come from")

// TestMakeFiles writes flights-200k.fpz (the first 200,000 rows, part of the binary) and testdata/flights-3m.fpz (all rows)
// where -parquet names their source. It fails if that has other columns, a null, or rows that the layout cannot hold.
func TestMakeFiles(t *testing.T) {
	if *source == "" {
		t.Skip("-parquet FILE is not set")
	}
	rows, err := read(*source)
	if err != nil {
		t.Fatalf("read %s: %v", *source, err)
	}
	if len(rows) < 200_000 {
		t.Fatalf("%s has %d rows, at least 200,000 are needed", *source, len(rows))
	}
	write(t, "flights-200k.fpz", rows[:200_000])
	write(t, filepath.Join("testdata", "flights-3m.fpz"), rows)
}

// write makes a file of the rows, reads it again and logs its sums.
func write(t *testing.T, path string, rows []Flight) {
	t.Helper()
	data, err := encode(slices.Values(rows))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	truth := TruthOf(mustDecode(t, data).All())
	t.Logf("%s: %d bytes, %d rows, sum(delay) %d, sum(distance) %d, %d origins",
		path, len(data), truth.Rows, truth.Delay, truth.Distance, len(truth.Origins))
}

// parquetColumns are the parquet's, in its order; date is microseconds since 1970 without a zone.
var parquetColumns = []string{"date", "delay", "distance", "origin", "destination"}

func read(path string) ([]Flight, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	parquetFile, err := parquet.OpenFile(file, stat.Size())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, field := range parquetFile.Schema().Fields() {
		names = append(names, field.Name())
	}
	if !slices.Equal(names, parquetColumns) {
		return nil, fmt.Errorf("columns %q, want %q", names, parquetColumns)
	}
	all := make([]Flight, 0, parquetFile.NumRows())
	for _, group := range parquetFile.RowGroups() {
		if all, err = appendGroup(all, group); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func appendGroup(all []Flight, group parquet.RowGroup) ([]Flight, error) {
	rows := group.Rows()
	defer rows.Close()
	buffer := make([]parquet.Row, 1000)
	for {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			f, err := flight(row)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", len(all), err)
			}
			all = append(all, f)
		}
		switch {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		}
	}
}

func flight(row parquet.Row) (Flight, error) {
	if len(row) != len(parquetColumns) {
		return Flight{}, fmt.Errorf("%d values, want %d", len(row), len(parquetColumns))
	}
	for i, value := range row {
		if value.IsNull() {
			return Flight{}, fmt.Errorf("%s is null", parquetColumns[i])
		}
	}
	return Flight{
		Date:        time.UnixMicro(row[0].Int64()).UTC(),
		Delay:       row[1].Int64(),
		Distance:    row[2].Int64(),
		Origin:      string(row[3].ByteArray()),
		Destination: string(row[4].ByteArray()),
	}, nil
}

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/fencepost/fencepost/internal/flights"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: encode PARQUET FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "encode:", err)
		os.Exit(1)
	}
}

func run(source, folder string) error {
	rows, err := read(source)
	if err != nil {
		return fmt.Errorf("read %s: %w", source, err)
	}
	if len(rows) < 200_000 {
		return fmt.Errorf("%s has %d rows, at least 200,000 are needed", source, len(rows))
	}
	if err := write(filepath.Join(folder, "flights-200k.fpz"), rows[:200_000]); err != nil {
		return err
	}
	return write(filepath.Join(folder, "testdata", "flights-3m.fpz"), rows)
}

func write(path string, rows []flights.Flight) error {
	data, err := flights.Encode(slices.Values(rows))
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	table, err := flights.Open(path)
	if err != nil {
		return err
	}
	truth := table.Truth()
	fmt.Printf("%s: %d bytes, %d rows, sum(delay) %d, sum(distance) %d, %d origins\n",
		path, len(data), truth.Rows, truth.Delay, truth.Distance, len(truth.Origins))
	return nil
}

// columns are the parquet's, in its order; date is microseconds since 1970 without a zone.
var columns = []string{"date", "delay", "distance", "origin", "destination"}

func read(path string) ([]flights.Flight, error) {
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
	if !slices.Equal(names, columns) {
		return nil, fmt.Errorf("columns %q, want %q", names, columns)
	}
	all := make([]flights.Flight, 0, parquetFile.NumRows())
	for _, group := range parquetFile.RowGroups() {
		if all, err = appendGroup(all, group); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func appendGroup(all []flights.Flight, group parquet.RowGroup) ([]flights.Flight, error) {
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

func flight(row parquet.Row) (flights.Flight, error) {
	if len(row) != len(columns) {
		return flights.Flight{}, fmt.Errorf("%d values, want %d", len(row), len(columns))
	}
	for i, value := range row {
		if value.IsNull() {
			return flights.Flight{}, fmt.Errorf("%s is null", columns[i])
		}
	}
	return flights.Flight{
		Date:        time.UnixMicro(row[0].Int64()).UTC(),
		Delay:       row[1].Int64(),
		Distance:    row[2].Int64(),
		Origin:      string(row[3].ByteArray()),
		Destination: string(row[4].ByteArray()),
	}, nil
}

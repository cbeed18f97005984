package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/sqlite"
)

// A sink whose SQL writes all rows and the sums of each origin, in the commit that moves the positions.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "fencepost-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sink, err := sqlite.Open(context.Background(), sqlite.Config{
		Path: filepath.Join(dir, "flights.db"),
		SQL: `INSERT INTO flights SELECT origin, delay, _topic, _partition, _offset FROM batch;
INSERT INTO delays SELECT origin, count(*), sum(delay) FROM batch WHERE true GROUP BY origin
ON CONFLICT (origin) DO UPDATE SET flights = delays.flights + excluded.flights, minutes = delays.minutes + excluded.minutes`,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sink.Close()
	snapshot, err := sink.Ledger().Read(context.Background(), "flight-delays")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sink.Capabilities().Name, "knows the group:", !snapshot.Empty())
	// Output: sqlite knows the group: false
}

func ExampleDDL() {
	cfg := sqlite.Config{Path: "flights.db", Table: "delays", Key: []string{"origin"}}
	ddl := sqlite.DDL(cfg, []fencepost.ColumnSpec{{Name: "origin", Type: fencepost.Text}, {Name: "minutes", Type: fencepost.Int}})
	fmt.Print(ddl[strings.LastIndex(ddl, "CREATE TABLE"):])
	// Output:
	// CREATE TABLE IF NOT EXISTS "delays" (  -- from schema
	//   "origin" TEXT NOT NULL, "minutes" INTEGER,
	//   PRIMARY KEY ("origin"));
}

package quickstart

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fencepost/fencepost"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The names inside: one topic, and a group each for the run and its control.
const (
	topic        = "flights"
	group        = "quickstart"
	controlGroup = "quickstart-control"
)

// tables are made in both databases. Neither has a key over _topic, _partition, _offset: a row that came twice would
// stand there twice.
const tables = `CREATE TABLE flights (date TEXT, delay INTEGER, distance INTEGER, origin TEXT, destination TEXT,
  _topic TEXT, _partition INTEGER, _offset INTEGER);
CREATE TABLE delays (origin TEXT PRIMARY KEY, flights INTEGER, minutes INTEGER);`

// statements are what a batch does, in the run and in the control.
const statements = `INSERT INTO flights (date, delay, distance, origin, destination, _topic, _partition, _offset)
SELECT date, delay, distance, origin, destination, _topic, _partition, _offset FROM batch;
INSERT INTO delays (origin, flights, minutes)
SELECT origin, count(*), sum(delay) FROM batch GROUP BY origin ORDER BY origin
ON CONFLICT (origin) DO UPDATE
SET flights = delays.flights + excluded.flights, minutes = delays.minutes + excluded.minutes;`

const pipelineText = `# %s
group: %s
source: {brokers: [%s], topics: [%s], start: earliest}
decode: json
schema: {date: timestamp, delay: int, distance: int, origin: text, destination: text}
sink:
  sqlite:
    path: %s
    sql: |
%s
keep_commits: all                 # so that the chain can be shown commit by commit
rate: %d                       # records a second and worker: slow, so that there is time to kill
`

// writePipeline writes the file that the workers run. The user may run and check it afterwards.
func writePipeline(path, about string, g fencepost.Group, addr, database string, rate int) error {
	quoted, err := json.Marshal(database) // a JSON string is a YAML string
	if err != nil {
		return err
	}
	text := fmt.Sprintf(pipelineText, about, g, addr, topic, quoted, indent(statements, "      "), rate)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return unwritable(path, err)
	}
	return nil
}

func indent(text, by string) string {
	out := make([]byte, 0, len(text)+16*len(by))
	out = append(out, by...)
	for i := range len(text) {
		out = append(out, text[i])
		if text[i] == '\n' {
			out = append(out, by...)
		}
	}
	return string(out)
}

// makeTables creates the database with the two empty tables.
func makeTables(path string) error {
	db, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenWAL)
	if err != nil {
		return unwritable(path, err)
	}
	err = sqlitex.ExecuteScript(db, tables, nil)
	if err2 := db.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return unwritable(path, err)
	}
	return nil
}

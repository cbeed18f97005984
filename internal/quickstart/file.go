package quickstart

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

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
// be there twice.
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
    audit: flights                # of the tables below, that with a row a record
    sql: |
%s
keep_commits: all                 # so that the chain can be shown commit by commit
rate: %d                       # records a second and worker: slow, so that there is time to kill
log_format: %s                  # %s
`

// Whom the workers' log is for.
var (
	forDirector = [2]string{"json", "read by the director, who kills by it"}
	forPeople   = [2]string{"auto", "it was json as long as the director read it"}
)

// plot is one pipeline: its file, its database, its group.
type plot struct {
	about    string
	file     string
	database string
	group    fencepost.Group
}

var (
	mainPlot = plot{"What the workers of this quickstart ran: rows, sums and offsets in the same commit.",
		pipelineName, databaseName, group}
	// The control's workers read the same keys, and put another sink in the place of this one.
	controlPlot = plot{"What the control ran, by another sink than this one: rows first, offsets later.",
		controlFile, controlName, controlGroup}
)

// writePipeline writes the file that the workers run. The user may run and check it afterwards.
func writePipeline(f folder, p plot, addr string, rate int, log [2]string) error {
	quoted, err := json.Marshal(f.in(p.database)) // a JSON string is a YAML string
	if err != nil {
		return err
	}
	text := fmt.Sprintf(pipelineText, p.about, p.group, addr, topic, quoted, indent(statements, "      "), rate, log[0], log[1])
	if err := os.WriteFile(f.in(p.file), []byte(text), 0o644); err != nil {
		return unwritable(f.name, err)
	}
	return nil
}

func indent(text, by string) string { return by + strings.ReplaceAll(text, "\n", "\n"+by) }

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

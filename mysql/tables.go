package mysql

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/fencepost/fencepost"
)

// version is that of the tables below.
const version = 1

// tablesDDL makes the ledger's tables; a second run changes nothing.
//
// Names compare byte by byte with their trailing blanks, which MySQL and MariaDB call by different collations; each
// reads the comment that is meant for it. The order of rows is then TopicPartition.Compare's. Topic IDs are in Kafka's
// own form.
const tablesDDL = `CREATE TABLE IF NOT EXISTS fencepost_groups (  -- ('', ''): the ledger; (group, ''): a group; (group, topic): its Roster
  group_name varchar(255) NOT NULL, topic varchar(249) NOT NULL,
  version int, ledger_id char(32),        -- of the ledger
  cluster_id varchar(255),                -- of a group
  topic_id varchar(22), partitions int,   -- of a Roster's topic
  PRIMARY KEY (group_name, topic)) ` + tableOptions + `;
CREATE TABLE IF NOT EXISTS fencepost_ledger (  -- one Position a row; run_*: its open run of merged commits
  group_name varchar(255) NOT NULL, topic varchar(249) NOT NULL, ` + "`partition`" + ` int NOT NULL,
  until bigint NOT NULL, leader_epoch int NOT NULL DEFAULT -1, fence bigint NOT NULL DEFAULT 0, topic_id varchar(22),
  run_from bigint, run_epoch int, run_commits bigint NOT NULL DEFAULT 0, run_at datetime(6), run_who varchar(1000),
  PRIMARY KEY (group_name, topic, ` + "`partition`" + `)) ` + tableOptions + `;
CREATE TABLE IF NOT EXISTS fencepost_moves (  -- held_*: null if absent; at_most: null if unknown; commits: merged into the row
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, group_name varchar(255) NOT NULL,
  topic varchar(249) NOT NULL, ` + "`partition`" + ` int NOT NULL, cause varchar(16) NOT NULL,
  held_until bigint, held_epoch int, held_fence bigint, held_topic_id varchar(22),
  next_until bigint NOT NULL, next_epoch int NOT NULL, next_fence bigint NOT NULL, next_topic_id varchar(22),
  at_most bigint, partitions int NOT NULL DEFAULT 0, commits bigint NOT NULL,
  at datetime(6) NOT NULL, who varchar(1000) NOT NULL, why text NOT NULL,
  KEY (group_name, id), KEY fencepost_moves_last (group_name, topic, ` + "`partition`" + `, cause, id)) ` + tableOptions + `;
`

const tableOptions = `ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*!80017 COLLATE=utf8mb4_0900_bin */ /*M! COLLATE=utf8mb4_nopad_bin */`

// identitySQL gives the ledger its identity, unless it has one.
const identitySQL = `INSERT INTO @groups (group_name, topic, version, ledger_id) VALUES ('', '', 1, md5(concat(uuid(), rand())))
  ON DUPLICATE KEY UPDATE group_name = group_name`

// tableNames lists the ledger's tables.
var tableNames = []string{"fencepost_groups", "fencepost_ledger", "fencepost_moves"}

// tables are the ledger's tables as SQL names with their database: user SQL may USE another one.
type tables struct{ groups, ledger, moves string }

func tablesIn(database string) tables {
	at := func(n string) string { return ident(database) + "." + ident(n) }
	return tables{at(tableNames[0]), at(tableNames[1]), at(tableNames[2])}
}

// found is what there is of a ledger.
type found struct {
	tables
	missing []string
	version int    // 0: no identity row
	id      string // hexadecimal
}

// complete reports whether nothing has to be made.
func (f found) complete() bool { return len(f.missing) == 0 && f.version != 0 }

// findTables looks for the ledger's tables and changes nothing.
func findTables(ctx context.Context, s *session) (found, error) {
	f := found{tables: tablesIn(s.config.DBName)}
	res, err := s.exec(ctx, "select table_name from information_schema.tables where table_schema = "+quote(s.config.DBName)+
		" and table_name in ('fencepost_groups', 'fencepost_ledger', 'fencepost_moves')")
	if err != nil {
		return f, s.edge(ctx, err)
	}
	at := map[string]bool{}
	for _, r := range res[0] {
		at[string(r[0])] = true
	}
	for _, n := range tableNames {
		if !at[n] {
			f.missing = append(f.missing, n)
		}
	}
	if !at[tableNames[0]] {
		return f, nil
	}
	res, err = s.exec(ctx, "select version, ledger_id from "+f.groups+" where group_name = '' and topic = ''")
	if err != nil {
		return f, s.edge(ctx, err)
	}
	if len(res[0]) == 1 {
		f.version, _ = strconv.Atoi(string(res[0][0][0]))
		f.id = string(res[0][0][1])
	}
	if f.version > version {
		return f, newer(f.version)
	}
	return f, nil
}

// makeTables finds the ledger's tables and makes what is missing, one session at a time. A user without the right to
// create gets along with tables that are there.
func makeTables(ctx context.Context, s *session) (tables, error) {
	f, err := findTables(ctx, s)
	if err != nil || f.complete() {
		return f.tables, err
	}
	lock := "concat('fencepost ', left(md5(" + quote(s.config.DBName) + "), 16))"
	res, err := s.exec(ctx, "use "+ident(s.config.DBName)+"; select get_lock("+lock+", 60)")
	if err != nil {
		s.drop()
		return tables{}, s.edge(ctx, err)
	}
	if string(res[len(res)-1][0][0]) != "1" {
		return tables{}, s.silent("another worker has been making the ledger's tables for 60s", errors.New("get_lock"))
	}
	if f, err = findTables(ctx, s); err == nil && !f.complete() {
		f, err = createTables(ctx, s, f)
	}
	if err != nil {
		s.drop() // and its lock with it
		return tables{}, err
	}
	if _, err := s.exec(ctx, "select release_lock("+lock+")"); err != nil {
		s.drop()
		return tables{}, s.edge(ctx, err)
	}
	return f.tables, nil
}

// createTables makes what is missing. The first reads of other workers, who look for the identity row, can meet the
// insert in a deadlock; all of it may be done twice.
func createTables(ctx context.Context, s *session, f found) (found, error) {
	text := fill(identitySQL, "@groups", f.groups)
	if len(f.missing) > 0 {
		text = tablesDDL + text
	}
	if err := patiently(ctx, func() error {
		_, err := s.exec(ctx, text)
		return err
	}, s); err != nil {
		return f, s.edge(ctx, err)
	}
	f, err := findTables(ctx, s)
	if err == nil && !f.complete() {
		err = &fencepost.Fault{Code: "table-not-found", Err: fmt.Errorf("the ledger's tables were made and are not found: %v", f.missing), Help: ddlHelp}
	}
	return f, err
}

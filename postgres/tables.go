package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
)

// version is that of the tables below.
const version = 1

// creationLock is the key of the one advisory lock under which the tables are made. CREATE TABLE IF NOT EXISTS alone
// fails where two sessions meet in it (118 of 160 did).
const creationLock = 0x66656e6365 // "fence"

// tablesDDL makes the ledger's tables; a second run changes nothing.
//
// Names are in the "C" collation, so that the order of rows is TopicPartition.Compare's. fillfactor leaves room on
// each page for the next version of a row: no index column changes in a commit, so that the update stays on its page.
const tablesDDL = `CREATE TABLE IF NOT EXISTS fencepost_groups (  -- ('', ''): the ledger; (group, ''): a group; (group, topic): its Roster
  group_name text COLLATE "C" NOT NULL, topic text COLLATE "C" NOT NULL,
  version int, ledger_id uuid,    -- of the ledger
  cluster_id text,                -- of a group
  topic_id uuid, partitions int,  -- of a Roster's topic
  PRIMARY KEY (group_name, topic));
CREATE TABLE IF NOT EXISTS fencepost_ledger (  -- one Position a row; run_*: its open run of merged commits
  group_name text COLLATE "C", topic text COLLATE "C", partition int,
  until bigint NOT NULL, leader_epoch int NOT NULL DEFAULT -1, fence bigint NOT NULL DEFAULT 0, topic_id uuid,
  run_from bigint, run_epoch int, run_commits bigint NOT NULL DEFAULT 0, run_at timestamptz, run_who text,
  PRIMARY KEY (group_name, topic, partition)) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS fencepost_moves (  -- held_*: null if absent; at_most: null if unknown; commits: merged into the row
  group_name text COLLATE "C", id bigint GENERATED ALWAYS AS IDENTITY,
  topic text COLLATE "C" NOT NULL, partition int NOT NULL, cause text NOT NULL,
  held_until bigint, held_epoch int, held_fence bigint, held_topic_id uuid,
  next_until bigint NOT NULL, next_epoch int NOT NULL, next_fence bigint NOT NULL, next_topic_id uuid,
  at_most bigint, partitions int NOT NULL DEFAULT 0, commits bigint NOT NULL,
  at timestamptz NOT NULL, who text NOT NULL, why text NOT NULL,
  PRIMARY KEY (group_name, id));
CREATE INDEX IF NOT EXISTS fencepost_moves_last ON fencepost_moves (group_name, topic, partition, cause, id);
INSERT INTO fencepost_groups (group_name, topic, version, ledger_id) VALUES ('', '', 1, gen_random_uuid()) ON CONFLICT DO NOTHING;
`

// tableNames lists the ledger's tables.
var tableNames = []string{"fencepost_groups", "fencepost_ledger", "fencepost_moves"}

// tables are the ledger's tables as SQL names with their schema: user SQL may change the search path.
type tables struct{ groups, ledger, moves string }

// found is what there is of a ledger.
type found struct {
	tables
	missing []string
	version int    // 0: no identity row
	id      string // hexadecimal
	schema  string // where missing tables would be made
	mayMake bool   // this user may create tables there, and temporary ones
}

// complete reports whether nothing has to be made.
func (f found) complete() bool { return len(f.missing) == 0 && f.version != 0 }

// findTables looks for the ledger's tables and changes nothing.
func findTables(ctx context.Context, s *session) (found, error) {
	var f found
	res, err := s.exec(ctx, `select c.relname, quote_ident(n.nspname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.oid in (to_regclass('fencepost_groups'), to_regclass('fencepost_ledger'), to_regclass('fencepost_moves'));
select coalesce(current_schema(), ''), coalesce(has_schema_privilege(current_schema(), 'create'), false)`)
	if err != nil {
		return f, s.edge(ctx, err)
	}
	at := map[string]string{}
	for _, r := range res[0].Rows {
		at[string(r[0])] = string(r[1]) + "." + string(r[0])
	}
	for _, n := range tableNames {
		if at[n] == "" {
			f.missing = append(f.missing, n)
		}
	}
	f.groups, f.ledger, f.moves = at[tableNames[0]], at[tableNames[1]], at[tableNames[2]]
	f.schema, f.mayMake = string(res[1].Rows[0][0]), string(res[1].Rows[0][1]) == "t"
	if f.groups == "" {
		return f, nil
	}
	res, err = s.exec(ctx, "select version, ledger_id from "+f.groups+" where group_name = '' and topic = ''")
	if err != nil {
		return f, s.edge(ctx, err)
	}
	if len(res[0].Rows) == 1 {
		f.version, _ = strconv.Atoi(string(res[0].Rows[0][0]))
		f.id = strings.ReplaceAll(string(res[0].Rows[0][1]), "-", "")
	}
	if f.version > version {
		return f, newer(f.version)
	}
	return f, nil
}

// makeTables finds the ledger's tables and makes what is missing. A user without the right to create gets along with
// tables that are there.
func makeTables(ctx context.Context, s *session) (tables, error) {
	f, err := findTables(ctx, s)
	if err != nil || f.complete() {
		return f.tables, err
	}
	sql := fmt.Sprintf(begin+"select pg_advisory_xact_lock(%d); %s commit", int64(creationLock), tablesDDL)
	if len(f.missing) == 0 {
		sql = begin + "insert into " + f.groups + " (group_name, topic, version, ledger_id) values ('', '', " +
			itoa(version) + ", gen_random_uuid()) on conflict do nothing; commit"
	}
	if _, err := s.exec(ctx, sql); err != nil {
		s.rollback(ctx)
		return tables{}, s.edge(ctx, err)
	}
	f, err = findTables(ctx, s)
	if err == nil && !f.complete() {
		err = &fencepost.Fault{Code: "table-not-found", Err: fmt.Errorf("the ledger's tables were made and are not found: %v", f.missing),
			Help: "set search_path for this user to one schema that exists"}
	}
	return f.tables, err
}

package postgres

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// creationLock is the key of the one advisory lock under which the tables are made. CREATE TABLE IF NOT EXISTS alone
// fails where two sessions meet in it (118 of 160 did).
const creationLock = 0x66656e6365 // "fence"

// tablesDDL makes the ledger's tables; a second run changes nothing.
//
// Names are in the "C" collation, so that the order of rows is TopicPartition.Compare's. fillfactor leaves space on
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

// reportsDDL makes the table of ledger.Reports; a second run changes nothing.
const reportsDDL = `CREATE TABLE IF NOT EXISTS fencepost_reports (  -- what workers know: why a partition stands still, what the pipeline does
  group_name text COLLATE "C", subject text COLLATE "C", report text NOT NULL,
  PRIMARY KEY (group_name, subject));
`

// lettersDDL makes the table of ledger.Letters; a second run changes nothing.
const lettersDDL = `CREATE TABLE IF NOT EXISTS fencepost_dead_letters (  -- records that could not be applied, as they were read
  group_name text COLLATE "C", topic text COLLATE "C", partition int, record_offset bigint,
  topic_id text COLLATE "C",  -- of the topic's incarnation; -: not known
  record_time bigint NOT NULL, record_key bytea, record_value bytea, record_headers text NOT NULL,
  code text NOT NULL, reason text NOT NULL, at timestamptz NOT NULL, who text NOT NULL, discarded text NOT NULL DEFAULT '',
  PRIMARY KEY (group_name, topic, partition, record_offset, topic_id));
`

// laterDDL makes the tables that came later than the others.
const laterDDL = reportsDDL + lettersDDL

// locateSQL is sqlstore.TableSQL.Locate.
const locateSQL = `select c.relname, quote_ident(n.nspname) || '.' || c.relname,
  case when c.relpersistence = 'u' then c.relkind::text || quote_ident(n.nspname) || '.' || c.relname end from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.oid in (to_regclass('fencepost_groups'), to_regclass('fencepost_ledger'), to_regclass('fencepost_moves'), to_regclass('fencepost_reports'), to_regclass('fencepost_dead_letters'))`

// makeTables is sqlstore.TableSQL.Make.
func (s *session) makeTables(ctx context.Context, f sqlstore.Found) error {
	sql := fmt.Sprintf(begin+"select pg_advisory_xact_lock(%d); %s commit", int64(creationLock), tablesDDL+laterDDL)
	if len(f.Missing) == 0 {
		sql = begin + "insert into " + f.Groups + " (group_name, topic, version, ledger_id) values ('', '', " +
			itoa(sqlstore.Version) + ", gen_random_uuid()) on conflict do nothing; commit"
	}
	if _, err := s.Exec(ctx, sql); err != nil {
		s.Rollback(ctx, err)
		return s.edge(ctx, err)
	}
	return nil
}

// makeLater is sqlstore.TableSQL.MakeLater.
func (s *session) makeLater(ctx context.Context) error {
	_, err := s.Exec(ctx, fmt.Sprintf(begin+"select pg_advisory_xact_lock(%d); %s commit", int64(creationLock), laterDDL))
	return err
}

// mayNotCreate is sqlstore.TableSQL.Refused.
func (s *session) mayNotCreate(ctx context.Context) (place string, err error) {
	res, err := s.Exec(ctx, "select coalesce(current_schema(), 'any schema of its search path'), coalesce(has_schema_privilege(current_schema(), 'create'), false)")
	if err != nil || string(res[0][0][1]) == "t" {
		return "", err
	}
	return string(res[0][0][0]), nil
}

// lacks is sqlstore.TableSQL.Lacks.
func (s *session) lacks(ctx context.Context, t sqlstore.Tables) (lacks []string, err error) {
	want := []struct{ table, right string }{
		{t.Groups, "SELECT"}, {t.Groups, "INSERT"}, {t.Groups, "UPDATE"},
		{t.Ledger, "SELECT"}, {t.Ledger, "INSERT"}, {t.Ledger, "UPDATE"},
		{t.Moves, "SELECT"}, {t.Moves, "INSERT"}}
	sql := "select "
	for i, w := range want {
		if i > 0 {
			sql += ", "
		}
		sql += "has_table_privilege(" + quote(w.table) + ", " + quote(w.right) + ")"
	}
	res, err := s.Exec(ctx, sql)
	if err != nil {
		return nil, err
	}
	for i, w := range want {
		if string(res[0][0][i]) != "t" {
			lacks = append(lacks, w.right+" on "+w.table)
		}
	}
	return lacks, nil
}

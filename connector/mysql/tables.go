package mysql

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

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

// reportsDDL makes the table of ledger.Reports; a second run changes nothing.
const reportsDDL = `CREATE TABLE IF NOT EXISTS fencepost_reports (  -- what workers know: why a partition stands still, what the pipeline does
  group_name varchar(255) NOT NULL, subject varchar(300) NOT NULL, report text NOT NULL,
  PRIMARY KEY (group_name, subject)) ` + tableOptions + `;
`

// lettersDDL makes the table of ledger.Letters; a second run changes nothing.
const lettersDDL = `CREATE TABLE IF NOT EXISTS fencepost_dead_letters (  -- records that could not be applied, as they were read
  group_name varchar(255) NOT NULL, topic varchar(249) NOT NULL, ` + "`partition`" + ` int NOT NULL, record_offset bigint NOT NULL,
  topic_id varchar(22) NOT NULL,  -- of the topic's incarnation; -: not known
  record_time bigint NOT NULL, record_key longblob, record_value longblob, record_headers longtext NOT NULL,
  code varchar(255) NOT NULL, reason text NOT NULL, at datetime(6) NOT NULL, who varchar(1000) NOT NULL, discarded varchar(4000) NOT NULL DEFAULT '',
  PRIMARY KEY (group_name, topic, ` + "`partition`" + `, record_offset, topic_id)) ` + tableOptions + `;
`

// laterDDL makes the tables that came later than the others.
const laterDDL = reportsDDL + lettersDDL

const tableOptions = `ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*!80017 COLLATE=utf8mb4_0900_bin */ /*M! COLLATE=utf8mb4_nopad_bin */`

// identitySQL gives the ledger its identity, unless it has one. MySQL has no md5() any more.
const identitySQL = `INSERT INTO @groups (group_name, topic, version, ledger_id) VALUES ('', '', 1, left(sha2(concat(uuid(), rand()), 256), 32))
  ON DUPLICATE KEY UPDATE group_name = group_name`

// locate is sqlstore.TableSQL.Locate. User SQL may USE another database: the names hold this one.
func (s *session) locate() string {
	return "select table_name, concat(" + quote(ident(s.config.DBName)+".") + ", '`', table_name, '`'), if(engine = 'InnoDB', null, concat(table_name, ' ', coalesce(engine, 'VIEW')))" +
		" from information_schema.tables where table_schema = " + quote(s.config.DBName) + " and table_name in ('fencepost_groups', 'fencepost_ledger', 'fencepost_moves', 'fencepost_reports', 'fencepost_dead_letters')"
}

// makeTables is sqlstore.TableSQL.Make: one session at a time.
func (s *session) makeTables(ctx context.Context, _ sqlstore.Found) error {
	lock := makersLock(s.config.DBName)
	res, err := s.Exec(ctx, "use "+ident(s.config.DBName)+"; select get_lock("+lock+", 60)")
	if err != nil {
		s.Drop()
		return s.edge(ctx, err)
	}
	if string(res[len(res)-1][0][0]) != "1" {
		return s.silent("another worker has been making the ledger's tables for 60s", errors.New("get_lock"))
	}
	if err := s.createTables(ctx); err != nil {
		s.Drop() // and its lock with it
		return err
	}
	if _, err := s.Exec(ctx, "select release_lock("+lock+")"); err != nil {
		s.Drop()
		return s.edge(ctx, err)
	}
	return nil
}

// makersLock is the literal of the lock's name, which may have 64 characters at most.
func makersLock(database string) string {
	return fmt.Sprintf("'fencepost %.8x'", md5.Sum([]byte(database)))
}

// createTables makes what is missing, unless another session has made it before this one had the lock. The first reads
// of other workers, who look for the identity row, can meet the insert in a deadlock; all of it may be done twice.
func (s *session) createTables(ctx context.Context) error {
	f, err := dialect().Find(ctx, s)
	if err != nil || f.Complete() {
		return err
	}
	text := sqlstore.Fill(identitySQL, "@groups", ident(s.config.DBName)+"."+ident(sqlstore.TableNames[0]))
	if len(f.Missing) > 0 {
		text = tablesDDL + laterDDL + text
	}
	err = s.patiently(ctx, func() error {
		_, err := s.Exec(ctx, text)
		return err
	})
	return s.edge(ctx, err)
}

// makeLater is sqlstore.TableSQL.MakeLater.
func (s *session) makeLater(ctx context.Context) error {
	_, err := s.Exec(ctx, "use "+ident(s.config.DBName)+"; "+laterDDL)
	return err
}

// mayCreateSQL counts the grants by which the user may create tables in the database. Roles are not looked into: who
// has one may.
const mayCreateSQL = `select (select count(*) from information_schema.user_privileges where privilege_type = 'CREATE' and grantee = @me)
  + (select count(*) from information_schema.schema_privileges where privilege_type = 'CREATE' and grantee = @me and @db like table_schema)
  + (coalesce(current_role(), 'NONE') <> 'NONE')`

// mayNotCreate is sqlstore.TableSQL.Refused.
func (s *session) mayNotCreate(ctx context.Context) (place string, err error) {
	res, err := s.Exec(ctx, sqlstore.Fill(mayCreateSQL, "@me", "concat('''', replace(current_user(), '@', '''@'''), '''')", "@db", quote(s.config.DBName)))
	if err != nil || string(res[0][0][0]) != "0" {
		return "", err
	}
	return s.config.DBName + ", or sees no right on them", nil
}

// lacks is sqlstore.TableSQL.Lacks: it tries what a commit and a move do to the ledger's tables, for no row, and rolls
// back. What is denied is its error.
func (s *session) lacks(ctx context.Context, t sqlstore.Tables) ([]string, error) {
	text := begin
	for _, name := range []string{t.Groups, t.Ledger, t.Moves} {
		text += "insert into " + name + " (group_name, topic) select group_name, topic from " + name + " where 1 = 0; "
		if name != t.Moves {
			text += "select 1 from " + name + " where 1 = 0 for update; update " + name + " set topic = topic where 1 = 0; "
		}
	}
	_, err := s.Exec(ctx, text+"rollback")
	if err != nil && !strings.Contains(err.Error(), "1364") { // no default: only of interest where there are rows
		return nil, err
	}
	s.Rollback(ctx, errShort)
	return nil, nil
}

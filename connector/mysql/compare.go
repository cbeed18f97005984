package mysql

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// refuse is a statement that fails by itself, with a word and the connection's secret in its message, so that the
// statements behind it, the COMMIT among them, can leave in the same packet (law 11): MySQL has no other error that a
// plain statement can raise with a text of its own than that of an XPath that is none. It is a SELECT, which reads
// without locks: the subqueries of a DO lock what they read, and a commit and a move deadlock there.
const refuse = "select extractvalue('<a/>', (select case @cases else '/a' end)) into @fencepost_v; "

// heldCases are the refusals that every move has.
const heldCases = `when coalesce((select version from @groups where group_name = '' and topic = ''), 0) <> 1 then '~newer:@secret'
  when exists (select 1 from @groups where group_name = @group and topic = '' and cluster_id <> '' and cluster_id <> @cluster and @cluster <> '')
    then '~cluster:@secret'`

// onlyLedger says that rows of l are locked. MySQL demands it beside JSON_TABLE, which has no rows to lock; MariaDB, which
// has not the words, reads past the comment.
const onlyLedger = " /*!80001 of l */"

// compareSQL is the compare-and-set of commits.
//
// The rows are locked in the order of m, which straight_join makes the outer table: (topic, partition) order, so that
// two workers cannot deadlock. What agrees is counted under the lock; a short count fails before anything is written.
// What does not agree is another's, and stays unlocked: so the insert, which locks every row it meets, comes behind.
// It meets rows only, for all were counted. An UPDATE of the join does the same at more than twice the cost: it
// writes what it is about to set into a temporary table first.
const compareSQL = `set @fencepost_m = @json;
select count(*) into @fencepost_n from @m straight_join @ledger l on @on where l.until = m.held and l.fence = m.held_fence for update` + onlyLedger + `;
` + refuse + `@history
insert into @ledger (group_name, topic, ` + "`partition`" + `, until, leader_epoch, fence) values @values
  on duplicate key update @run leader_epoch = values(leader_epoch), until = values(until); @record`

const commitTable = `json_table(@fencepost_m, '$[*]' columns (topic varchar(249) character set utf8mb4 collate @names path '$[0]',
  ` + "`partition`" + ` int path '$[1]', held bigint path '$[2]', held_fence bigint path '$[3]', next bigint path '$[4]', next_epoch int path '$[5]')) m`

const onRow = "(l.group_name = @group and l.topic = m.topic and l.`partition` = m.`partition`)"

// mergeSQL lengthens the open run, or opens one. Assignments read columns to their left already changed, or what
// was there before; this order is right both ways.
const mergeSQL = `run_from = if(run_commits = 0, until, run_from), run_epoch = if(run_commits = 0, leader_epoch, run_epoch),
  run_commits = run_commits + 1, run_at = utc_timestamp(6), run_who = @who,`

// moveColumns are the columns of fencepost_moves that every insert fills.
const moveColumns = "(group_name, topic, `partition`, cause, held_until, held_epoch, held_fence, held_topic_id, " +
	"next_until, next_epoch, next_fence, next_topic_id, at_most, partitions, commits, at, who, why)"

// runColumns is an open run of ledger row l as a row of moveColumns.
const runColumns = "l.group_name, l.topic, l.`partition`, 'commit', l.run_from, l.run_epoch, l.fence, l.topic_id, " +
	"l.until, l.leader_epoch, l.fence, l.topic_id, 0, 0, l.run_commits, l.run_at, l.run_who, ''"

const commitColumns = "l.group_name, l.topic, l.`partition`, 'commit', l.until, l.leader_epoch, l.fence, l.topic_id, " +
	"m.next, m.next_epoch, l.fence, l.topic_id, 0, 0, 1, utc_timestamp(6), @who, ''"

// recordSQL records the cluster for the group's first mover that knows it.
const recordSQL = "update @groups set cluster_id = @cluster where group_name = @group and topic = '' and cluster_id = ''; "

// compare is sqlstore.LedgerSQL.Compare.
func (s *session) compare(t sqlstore.Tables, c sqlstore.Commits) string {
	moves, w := sqlstore.Sorted(c.Moves), c.Writer
	reasoned := slices.ContainsFunc(moves, func(m ledger.Move) bool { return m.AtMost != 0 || m.Why != "" })
	run, history, cluster, table, rows := mergeSQL, "", "", commitTable, ""
	if c.Keep != ledger.KeepMerged || reasoned {
		run = "run_commits = 0,"
		history = "insert into @moves " + moveColumns + " select " + runColumns + " from @m straight_join @ledger l on @on where l.run_commits > 0; "
		switch {
		case reasoned:
			history += "insert into @moves " + moveColumns + " select " + reasonedColumns + " from @m straight_join @ledger l on @on" + listedBeside(c.Keep) + "; "
			table, rows = reasonedTable, reasonedRows(moves)
		case c.Keep == ledger.KeepAll:
			history += "insert into @moves " + moveColumns + " select " + commitColumns + " from @m straight_join @ledger l on @on; "
		}
	}
	if c.Recorded != w.Group && w.ClusterID != "" {
		cluster = recordSQL
	}
	cases := heldCases + " when @fencepost_n <> " + itoa(int64(len(moves))) + " then '~fenced:@secret'"
	sql := sqlstore.Fill(compareSQL, "@run", run, "@history", history, "@record", cluster, "@cases", cases)
	if !reasoned {
		rows = commitRows(moves)
	}
	return s.fill(t, w, sqlstore.Fill(sql, "@m ", table+" ", "@on", onRow), rows, "@values", commitValues(w.Group, moves))
}

// reasonedTable is commitTable for commits of which one passes records, or says why: it is listed by itself, whatever is kept of
// others (law 4), and where others are merged so are those beside it.
var reasonedTable = strings.Replace(commitTable, "path '$[5]'", "path '$[5]', at_most bigint path '$[6]', why varchar(4000) character set utf8mb4 path '$[7]'", 1)

// reasonedColumns are commitColumns with what the commit says.
var reasonedColumns = strings.Replace(commitColumns, "0, 0, 1, utc_timestamp(6), @who, ''", "m.at_most, 0, 1, utc_timestamp(6), @who, m.why", 1)

// listedBeside is the condition of the commits that are listed beside a reasoned one.
func listedBeside(keep ledger.KeepCommits) string {
	if keep == ledger.KeepNone {
		return " where m.at_most <> 0 or m.why <> ''"
	}
	return ""
}

// reasonedRows is the moves as a literal of JSON, in the columns of reasonedTable.
func reasonedRows(moves []ledger.Move) string {
	return jsonRows(moves, func(m ledger.Move) []any {
		why := m.Reason()
		return []any{m.Topic, m.Partition, m.Held.Offset, int64(m.Held.Fence), m.Next.Offset, m.Next.LeaderEpoch, m.AtMost,
			strings.ToValidUTF8(why[:min(len(why), whyMost)], "")}
	})
}

// commitRows is the moves as a literal of JSON, in the columns of commitTable.
func commitRows(moves []ledger.Move) string {
	b := []byte("'[")
	eachTopic(moves, func(topic string, moves []ledger.Move) {
		name, err := json.Marshal(topic)
		if err != nil {
			panic("mysql: a topic is not JSON: " + err.Error()) // text always is
		}
		name = appendQuoted(nil, name)
		for _, m := range moves {
			b = append(append(b, '['), name[1:len(name)-1]...)
			b = appendInts(b, int64(m.Partition), int64(m.Held.Offset), int64(m.Held.Fence), int64(m.Next.Offset), int64(m.Next.LeaderEpoch))
			b = append(b, "],"...)
		}
	})
	return string(append(b[:len(b)-1], "]'"...))
}

// commitValues is the moves as rows of the ledger.
func commitValues(g fencepost.Group, moves []ledger.Move) string {
	var b []byte
	eachTopic(moves, func(topic string, moves []ledger.Move) {
		name := "(" + quote(string(g)) + "," + quote(topic)
		for _, m := range moves {
			b = appendInts(append(b, name...), int64(m.Partition), int64(m.Next.Offset), int64(m.Next.LeaderEpoch), int64(m.Next.Fence))
			b = append(b, "),"...)
		}
	})
	return string(b[:len(b)-1])
}

// appendInts appends numbers, each behind a comma.
func appendInts(b []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		b = strconv.AppendInt(append(b, ','), n, 10)
	}
	return b
}

// eachTopic calls f with the moves of each topic. REQUIRES: they are sorted.
func eachTopic(moves []ledger.Move, f func(topic string, moves []ledger.Move)) {
	for len(moves) > 0 {
		n := 1
		for n < len(moves) && moves[n].Topic == moves[0].Topic {
			n++
		}
		f(moves[0].Topic, moves[:n])
		moves = moves[n:]
	}
}

// fill is the last pass: names and values.
func (s *session) fill(t sqlstore.Tables, w ledger.Actor, sql, json string, more ...string) string {
	return sqlstore.Fill(sql, append(more, "@json", json, "@names", s.server.names(), "@secret", s.secret,
		"@ledger", t.Ledger, "@groups", t.Groups, "@moves", t.Moves,
		"@group", quote(string(w.Group)), "@cluster", quote(w.ClusterID), "@who", quote(w.Who))...)
}

// moveSQL is all moves but commits. The header row of the group is locked first, so that moves of a group come one
// after the other and an absent row stays absent until the end. The third count is of topics: starts and imports
// under another topic ID cover all of it, and an ID that is null is unknown, not another one.
const moveSQL = `set @fencepost_m = @json;
insert into @groups (group_name, topic, cluster_id) values (@group, '', @cluster) on duplicate key update group_name = group_name;
select count(*) into @fencepost_n from @m straight_join @ledger l on @on for update` + onlyLedger + `;
select count(*) into @fencepost_n from @m left join @ledger l on @on where not (l.until <=> m.held and l.fence <=> m.held_fence);
select count(*) into @fencepost_r from (select m.topic from @m left join @groups r on r.group_name = @group and r.topic = m.topic
  where m.cause in ('start', 'import') group by m.topic having count(distinct m.next_id) > 1
    or max(r.topic_id) <> min(m.next_id) and sum(m.` + "`partition`" + ` < r.partitions) < max(r.partitions)) s;
` + refuse + `
update @groups set cluster_id = @cluster where group_name = @group and topic = '' and cluster_id = '' and @cluster <> '';
insert into @groups (group_name, topic, topic_id, partitions)
  select * from (select @group as g, m.topic, min(m.next_id) as id, max(greatest(m.` + "`partition`" + ` + 1, m.partitions)) as n
    from @m where m.cause in ('start', 'import') group by m.topic order by m.topic) s
  on duplicate key update topic_id = coalesce(values(topic_id), @groups.topic_id), partitions = greatest(@groups.partitions, values(partitions));
insert into @moves ` + moveColumns + ` select ` + runColumns + ` from @m straight_join @ledger l on @on where l.run_commits > 0 order by m.n;
insert into @moves ` + moveColumns + ` select @group, m.topic, m.` + "`partition`" + `, m.cause, m.held, m.held_epoch, m.held_fence, m.held_id,
  m.next, m.next_epoch, m.next_fence, m.next_id, m.at_most, m.partitions, 0, utc_timestamp(6), @who, m.why from @m order by m.n;
insert into @ledger (group_name, topic, ` + "`partition`" + `, until, leader_epoch, fence, topic_id)
  select @group, m.topic, m.` + "`partition`" + `, m.next, m.next_epoch, m.next_fence, m.next_id from @m order by m.topic, m.` + "`partition`" + `
  on duplicate key update until = values(until), leader_epoch = values(leader_epoch), fence = values(fence), topic_id = values(topic_id), run_commits = 0; `

const moveTable = `json_table(@fencepost_m, '$[*]' columns (topic varchar(249) character set utf8mb4 collate @names path '$[0]',
  ` + "`partition`" + ` int path '$[1]', cause varchar(16) character set utf8mb4 path '$[2]', held bigint path '$[3]', held_epoch int path '$[4]',
  held_fence bigint path '$[5]', held_id varchar(22) character set utf8mb4 collate @names path '$[6]', next bigint path '$[7]', next_epoch int path '$[8]',
  next_fence bigint path '$[9]', next_id varchar(22) character set utf8mb4 collate @names path '$[10]', at_most bigint path '$[11]',
  partitions int path '$[12]', why varchar(4000) character set utf8mb4 path '$[13]', n int path '$[14]')) m`

// whyMost is the most bytes of a move's reason that are kept.
const whyMost = 4000

// move is sqlstore.LedgerSQL.Move.
func (s *session) move(t sqlstore.Tables, w ledger.Actor, moves []ledger.Move) string {
	n := 0
	numbered := make(map[fencepost.TopicPartition]int, len(moves))
	for _, m := range moves {
		numbered[m.TopicPartition] = n
		n++
	}
	json := jsonRows(sqlstore.Sorted(moves), func(m ledger.Move) []any {
		why := m.Reason()
		row := []any{m.Topic, m.Partition, m.Cause.String(), nil, nil, nil, nil,
			m.Next.Offset, m.Next.LeaderEpoch, int64(m.Next.Fence), idText(m.Next.TopicID), nil, m.Partitions,
			strings.ToValidUTF8(why[:min(len(why), whyMost)], ""), numbered[m.TopicPartition]}
		if !m.Held.Absent() {
			row[3], row[4], row[5], row[6] = m.Held.Offset, m.Held.LeaderEpoch, int64(m.Held.Fence), idText(m.Held.TopicID)
		}
		if m.AtMost != ledger.UnknownLoss {
			row[11] = m.AtMost
		}
		return row
	})
	cases := heldCases + " when @fencepost_n > 0 then '~fenced:@secret' when @fencepost_r > 0 then '~roster:@secret'"
	sql := sqlstore.Fill(moveSQL, "@cases", cases)
	return s.fill(t, w, sqlstore.Fill(sql, "@m ", moveTable+" ", "@on", onRow), json)
}

const heldSQL = `set @fencepost_m = @json; select m.topic, m.` + "`partition`" + `, l.until, l.leader_epoch, l.fence, l.topic_id
  from @m straight_join @ledger l on @on`

// held is sqlstore.LedgerSQL.Held.
func (s *session) held(t sqlstore.Tables, g fencepost.Group, moves []ledger.Move) string {
	json := jsonRows(moves, func(m ledger.Move) []any { return []any{m.Topic, m.Partition} })
	return s.fill(t, ledger.Actor{Group: g}, sqlstore.Fill(heldSQL, "@m ", commitTable+" ", "@on", onRow), json)
}

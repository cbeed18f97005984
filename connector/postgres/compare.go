package postgres

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// compareSQL is the compare-and-set of commits, in one statement that fails by itself: by a cast of a text that is no
// number, which names what did not hold. So the COMMIT behind it can leave in the same flush (law 11).
//
//	m   what the movers hold, and where they go, in (topic, partition) order. Epochs are one where all are the same: the
//	    rest is null
//	k   lockedSQL, where commits are not merged
//	u   the rows that agree, moved. `l.until` is compared, not k's: the row that was waited for is looked at again
//	c   the group's first mover that knows its cluster records it
//	h   historySQL, where commits are not merged
//	g   what there is to report
//
// Every worker locks rows in (topic, partition) order, so that two cannot deadlock.
const compareSQL = `with m as (select * from unnest(@topics::text[], @partitions::int[], @held::bigint[], @fences::bigint[],
  @untils::bigint[], @epochs::int[]) as m (topic, partition, held, held_fence, next, next_epoch)),
@locked
u as (update @ledger l set until = k.next, leader_epoch = coalesce(k.next_epoch, (@epochs::int[])[1]), @run from @from k
  where @rows and l.until is not distinct from k.held and l.fence is not distinct from k.held_fence
  returning 1),
c as (update @groups set cluster_id = @cluster
  where group_name = @group and topic = '' and cluster_id = '' and @cluster <> ''),
@history
g as materialized (select (select version from @groups where group_name = '' and topic = '') as version,
  (select cluster_id from @groups where group_name = @group and topic = '') as cluster_id,
  (select count(*) from u) as moved)
select case
  when g.version is distinct from 1 then ('newer:@secret:' || coalesce(g.version, 0))::int
  when g.cluster_id <> @cluster and g.cluster_id <> '' and @cluster <> '' then ('cluster:@secret:' || g.cluster_id)::int
  when g.moved <> @count then ('fenced:@secret:' || g.moved)::int
  else 0 end
from g; `

// Where commits are merged, a run lives in the ledger's row itself and costs nothing extra, and the update alone locks the
// rows: to lock them first writes each of them twice. An update locks in the order in which its join finds the rows. So its
// join must have one plan, in the order of the rows, whatever the planner knows of the table:
//
//	sparseSQL  each row of m looks for its row of the ledger in the primary key. The group is in an ANY of what m
//	           says, so that no other join can begin at that index, and all others begin with a scan of the whole
//	           table, which the planner is made to avoid.
//	denseSQL   a merge join by partition, of one topic's rows and m. It finds many rows that lie side by side in half the
//	           time, and few among many in far more. Nothing else can be merged by: IS NOT DISTINCT FROM has no order.
const (
	sparseRows = `l.group_name = any (array[case when k.held is not null then @group end]) and l.topic = k.topic and l.partition = k.partition`
	denseRows  = `l.group_name = @group and l.topic = (@topics::text[])[1] and l.partition >= (@partitions::int[])[1]
    and l.partition <= (@partitions::int[])[@count::int] and l.partition = k.partition`
)

var (
	sparseSQL = mergedSQL(sparseRows)
	denseSQL  = mergedSQL(denseRows)
)

// mergedSQL is compareSQL for merged commits.
func mergedSQL(rows string) string {
	return sqlstore.Fill(compareSQL, "@locked\n", "", "@history\n", "", "@from", "m", "@run", mergeSQL, "@rows", rows)
}

// without makes the planner avoid something while a statement runs. The user's deferred triggers run at COMMIT, without it.
func without(statement string, what ...string) string {
	before, behind := "", ""
	for _, w := range what {
		before += "set local " + w + " = off; "
		behind += "set local " + w + " = default; "
	}
	return before + statement + behind
}

// dense reports whether denseSQL is for these moves. REQUIRES: they are sorted.
func dense(moves []ledger.Move) bool {
	first, last := moves[0], moves[len(moves)-1]
	return len(moves) >= 64 && first.Topic == last.Topic && int(last.Partition-first.Partition) < 4*len(moves)
}

// listedSQL is compareSQL for commits that the history lists. What a row held is gone when it is moved: so all rows are
// locked first, and read.
var listedSQL = sqlstore.Fill(compareSQL, "@locked", lockedSQL, "@from", "k", "@run", "run_commits = 0",
	"@rows", "l.group_name = @group and l.topic = k.topic and l.partition = k.partition")

// lockedSQL locks the ledger's rows of those partitions, in order.
const lockedSQL = `k as materialized (select l.*, m.held, m.held_fence, m.next, m.next_epoch from @ledger l join m using (topic, partition)
  where l.group_name = @group order by l.topic, l.partition for update of l),`

// historySQL writes an open run of an earlier configuration to the history, then the commits.
const historySQL = `h as (insert into @moves ` + moveColumns + ` select ` + runColumns + ` from k l where l.run_commits > 0@commits),`

// mergeSQL lengthens the open run, or opens one.
const mergeSQL = `run_from = case when l.run_commits = 0 then l.until else l.run_from end,
  run_epoch = case when l.run_commits = 0 then l.leader_epoch else l.run_epoch end,
  run_commits = l.run_commits + 1, run_at = clock_timestamp(), run_who = @who`

// moveColumns are the columns of fencepost_moves that every insert fills.
const moveColumns = `(group_name, topic, partition, cause, held_until, held_epoch, held_fence, held_topic_id,
  next_until, next_epoch, next_fence, next_topic_id, at_most, partitions, commits, at, who, why)`

// runColumns is an open run of ledger row l as a row of moveColumns.
const runColumns = `l.group_name, l.topic, l.partition, 'commit', l.run_from, l.run_epoch, l.fence, l.topic_id,
  l.until, l.leader_epoch, l.fence, l.topic_id, 0, 0, l.run_commits, l.run_at, l.run_who, ''`

const commitColumns = `l.group_name, l.topic, l.partition, 'commit', l.until, l.leader_epoch, l.fence, l.topic_id,
  l.next, coalesce(l.next_epoch, (@epochs::int[])[1]), l.fence, l.topic_id, 0, 0, 1, clock_timestamp(), @who, ''`

// reasonedSQL is listedSQL for commits of which one passes records, or says why: it is listed by itself, whatever is kept of
// others (law 4), and where others are merged so are those beside it.
var reasonedSQL = strings.NewReplacer(
	"@epochs::int[]) as m (topic, partition, held, held_fence, next, next_epoch)",
	"@epochs::int[], @at_mosts::bigint[], @whys::text[]) as m (topic, partition, held, held_fence, next, next_epoch, at_most, why)",
	"m.next, m.next_epoch from", "m.next, m.next_epoch, m.at_most, m.why from").Replace(listedSQL)

// reasonedColumns are commitColumns with what the commit says.
var reasonedColumns = strings.Replace(commitColumns, "0, 0, 1, clock_timestamp(), @who, ''", "l.at_most, 0, 1, clock_timestamp(), @who, l.why", 1)

// compare is sqlstore.LedgerSQL.Compare.
func (s *session) compare(t sqlstore.Tables, c sqlstore.Commits) string {
	c.Moves = sqlstore.Sorted(c.Moves)
	values := commitValues(c)
	reasoned := slices.ContainsFunc(c.Moves, func(m ledger.Move) bool { return m.AtMost != 0 || m.Why != "" })
	if c.Keep == ledger.KeepMerged && !reasoned {
		if dense(c.Moves) && s.dense.state != prepareNever {
			values[0] = texts(c.Moves[:1], topicOf)
			return without(s.dense.write(denseSQL, t, s.secret, values), "enable_nestloop", "enable_hashjoin")
		}
		return without(s.sparse.write(sparseSQL, t, s.secret, values), "enable_seqscan")
	}
	commits := ""
	switch {
	case reasoned:
		commits = " union all select " + reasonedColumns + " from k l"
		if c.Keep == ledger.KeepNone {
			commits += " where l.at_most <> 0 or l.why <> ''"
		}
	case c.Keep == ledger.KeepAll:
		commits = " union all select " + commitColumns + " from k l"
	}
	// Two passes: the first puts the pieces together, the second fills in what came from outside, which is not
	// looked at again.
	history := sqlstore.Fill(historySQL, "@commits", commits)
	if !reasoned {
		return fillCommits(sqlstore.Fill(listedSQL, "@history", history), t, s.secret, values)
	}
	return fillCommits(sqlstore.Fill(reasonedSQL, "@history", history), t, s.secret, values,
		"@at_mosts", integers(c.Moves, func(m ledger.Move) int64 { return m.AtMost }), "@whys", texts(c.Moves, ledger.Move.Reason))
}

// parameters are the words of compareSQL that differ from commit to commit, and their types.
var parameters = [...]struct{ word, typ string }{{"@topics", "text[]"}, {"@partitions", "int[]"}, {"@held", "bigint[]"},
	{"@fences", "bigint[]"}, {"@untils", "bigint[]"}, {"@epochs", "int[]"}, {"@group", "text"}, {"@cluster", "text"}, {"@who", "text"},
	{"@count", "bigint"}}

type arguments [len(parameters)]string

// commitValues are literals for the parameters.
func commitValues(c sqlstore.Commits) arguments {
	moves, w := c.Moves, c.Writer
	epochs := moves
	if !slices.ContainsFunc(moves, func(m ledger.Move) bool { return m.Next.LeaderEpoch != moves[0].Next.LeaderEpoch }) {
		epochs = moves[:1]
	}
	return arguments{
		texts(moves, topicOf),
		integers(moves, func(m ledger.Move) int64 { return int64(m.Partition) }),
		integers(moves, func(m ledger.Move) int64 { return int64(m.Held.Offset) }),
		integers(moves, func(m ledger.Move) int64 { return int64(m.Held.Fence) }),
		integers(moves, func(m ledger.Move) int64 { return int64(m.Next.Offset) }),
		integers(epochs, func(m ledger.Move) int64 { return int64(m.Next.LeaderEpoch) }),
		quote(string(w.Group)), quote(w.ClusterID), quote(w.Who), itoa(int64(len(moves))),
	}
}

func topicOf(m ledger.Move) string { return m.Topic }

// fillCommits fills a compare-and-set in.
func fillCommits(sql string, t sqlstore.Tables, secret string, values arguments, more ...string) string {
	pairs := append(more, "@ledger", t.Ledger, "@groups", t.Groups, "@moves", t.Moves, "@secret", secret)
	for i, p := range parameters {
		pairs = append(pairs, p.word, values[i])
	}
	return sqlstore.Fill(sql, pairs...)
}

// moveSQL is the body of all moves but commits: one block that the server runs alone, for the same reason as above.
// The header row of the group is locked first, so that moves of a group come one after the other and an absent row
// stays absent until the end. The fourth condition is of topics: starts and imports under another topic ID
// cover all of it, and an ID that is null is unknown, not another one.
const moveSQL = `#variable_conflict use_column
declare v int; c text;
begin
  select version into v from @groups where group_name = '' and topic = '';
  if v is distinct from 1 then raise exception 'newer:@secret:%', coalesce(v, 0) using errcode = '22P02'; end if;
  insert into @groups (group_name, topic, cluster_id) values (@group, '', @cluster) on conflict do nothing;
  select cluster_id into c from @groups where group_name = @group and topic = '' for update;
  if c <> @cluster and c <> '' and @cluster <> '' then
    raise exception 'cluster:@secret:%', c using errcode = '22P02';
  end if;
  update @groups set cluster_id = @cluster where group_name = @group and topic = '' and cluster_id = '' and @cluster <> '';
  perform 1 from @ledger l join @m using (topic, partition) where l.group_name = @group
    order by l.topic, l.partition for update of l;
  select count(*) into v from @m left join @ledger l
    on l.group_name = @group and l.topic = m.topic and l.partition = m.partition
    where (l.until, l.fence) is distinct from (case when m.absent = 0 then m.held end, case when m.absent = 0 then m.held_fence end);
  if v > 0 then raise exception 'fenced:@secret:%', v using errcode = '22P02'; end if;
  select count(*) into v from
    (select topic, min(next_id::text)::uuid as id, count(distinct next_id) as ids, array_agg(partition) as covered
     from @m where cause in ('start', 'import') group by topic) s
    left join @groups r on r.group_name = @group and r.topic = s.topic
    where s.ids > 1 or (r.topic_id <> s.id and exists (select from generate_series(0, r.partitions - 1) p where p <> all (s.covered)));
  if v > 0 then raise exception 'roster:@secret:%', v using errcode = '22P02'; end if;
  insert into @groups as r (group_name, topic, topic_id, partitions)
    select @group, topic, min(next_id::text)::uuid, max(greatest(partition + 1, partitions)) from @m where cause in ('start', 'import') group by topic order by topic
    on conflict (group_name, topic) do update
    set topic_id = coalesce(excluded.topic_id, r.topic_id), partitions = greatest(r.partitions, excluded.partitions);
  insert into @moves @move_columns select @run_columns from @ledger l join @m using (topic, partition)
    where l.group_name = @group and l.run_commits > 0 order by l.topic, l.partition;
  insert into @moves @move_columns
    select @group, m.topic, m.partition, m.cause, case when m.absent = 0 then m.held end, case when m.absent = 0 then m.held_epoch end,
      case when m.absent = 0 then m.held_fence end, m.held_id, m.next, m.next_epoch, m.next_fence, m.next_id,
      nullif(m.at_most, -1), m.partitions, 0, clock_timestamp(), @who, m.why from @m order by m.n;
  insert into @ledger as l (group_name, topic, partition, until, leader_epoch, fence, topic_id)
    select @group, topic, partition, next, next_epoch, next_fence, next_id from @m order by topic, partition
    on conflict (group_name, topic, partition) do update set until = excluded.until, leader_epoch = excluded.leader_epoch,
      fence = excluded.fence, topic_id = excluded.topic_id, run_commits = 0;
end`

// movesSQL is the moves as a table m, in the order they were given.
const movesSQL = `rows from (unnest(@topics::text[]), unnest(@partitions::int[]), unnest(@causes::text[]), unnest(@absents::int[]),
  unnest(@held::bigint[]), unnest(@held_epochs::int[]), unnest(@held_fences::bigint[]), unnest(@held_ids::uuid[]),
  unnest(@next::bigint[]), unnest(@next_epochs::int[]), unnest(@next_fences::bigint[]), unnest(@next_ids::uuid[]),
  unnest(@at_mosts::bigint[]), unnest(@rosters::int[]), unnest(@whys::text[])) with ordinality
  as m (topic, partition, cause, absent, held, held_epoch, held_fence, held_id, next, next_epoch, next_fence, next_id,
    at_most, partitions, why, n)`

// move is sqlstore.LedgerSQL.Move.
func (s *session) move(t sqlstore.Tables, w ledger.Actor, moves []ledger.Move) string {
	held := func(m ledger.Move) ledger.Position { return m.Held }
	next := func(m ledger.Move) ledger.Position { return m.Next }
	number := func(of func(ledger.Move) ledger.Position, value func(ledger.Position) int64) string {
		return integers(moves, func(m ledger.Move) int64 { return value(of(m)) })
	}
	offset := func(p ledger.Position) int64 { return int64(p.Offset) }
	epoch := func(p ledger.Position) int64 { return int64(p.LeaderEpoch) }
	fence := func(p ledger.Position) int64 { return int64(p.Fence) }
	m := sqlstore.Fill(movesSQL,
		"@topics", texts(moves, func(m ledger.Move) string { return m.Topic }),
		"@partitions", integers(moves, func(m ledger.Move) int64 { return int64(m.Partition) }),
		"@causes", texts(moves, func(m ledger.Move) string { return m.Cause.String() }),
		"@absents", integers(moves, absent),
		"@held_epochs", number(held, epoch), "@held_fences", number(held, fence),
		"@held_ids", uuids(moves, func(m ledger.Move) fencepost.TopicID { return m.Held.TopicID }),
		"@held", number(held, offset),
		"@next_epochs", number(next, epoch), "@next_fences", number(next, fence),
		"@next_ids", uuids(moves, func(m ledger.Move) fencepost.TopicID { return m.Next.TopicID }),
		"@next", number(next, offset),
		"@at_mosts", integers(moves, func(m ledger.Move) int64 { return m.AtMost }),
		"@rosters", integers(moves, func(m ledger.Move) int64 { return int64(m.Partitions) }),
		"@whys", texts(moves, ledger.Move.Reason))
	body := sqlstore.Fill(moveSQL, "@move_columns", moveColumns, "@run_columns", runColumns)
	return "do " + quote(sqlstore.Fill(body,
		"@moves", t.Moves, "@m", m, "@groups", t.Groups, "@ledger", t.Ledger, "@secret", s.secret,
		"@group", quote(string(w.Group)), "@cluster", quote(w.ClusterID), "@who", quote(w.Who))) + "; "
}

// absent is 1 for a move of a partition without a row.
func absent(m ledger.Move) int64 {
	if m.Held.Absent() {
		return 1
	}
	return 0
}

const heldSQL = `select topic, partition, until, leader_epoch, fence, topic_id from @ledger
 where group_name = @g and (topic, partition) in (select * from unnest(@topics::text[], @partitions::int[]))`

// held is sqlstore.LedgerSQL.Held.
func (s *session) held(t sqlstore.Tables, g fencepost.Group, moves []ledger.Move) string {
	return sqlstore.Fill(heldSQL, "@ledger", t.Ledger, "@g", quote(string(g)),
		"@topics", texts(moves, func(m ledger.Move) string { return m.Topic }),
		"@partitions", integers(moves, func(m ledger.Move) int64 { return int64(m.Partition) }))
}

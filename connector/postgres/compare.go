package postgres

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// compareSQL is the compare-and-set of commits, in one statement that fails by itself: by a cast of a text that is no
// number, which names what did not hold. So the COMMIT behind it can leave in the same flush (law 11).
//
//	m   what the movers hold, and where they go
//	k   the ledger's rows of those partitions, locked in (topic, partition) order: two workers can not deadlock
//	u   the rows that agree, moved. `l.until` is compared, not k's: the row that was waited for is looked at again
//	c   the group's first mover that knows its cluster records it
//	g   what there is to be told of
//
// A merged run lives in the ledger's row itself and costs nothing extra. h, where commits are not merged, writes an
// open run of an earlier configuration to the history first, then the commits.
const compareSQL = `with m as (select * from unnest(@topics::text[], @partitions::int[], @held::bigint[], @fences::bigint[],
  @untils::bigint[], @epochs::int[]) as m (topic, partition, held, held_fence, next, next_epoch)),
k as materialized (select l.*, m.held, m.held_fence, m.next, m.next_epoch from @ledger l join m using (topic, partition)
  where l.group_name = @group order by l.topic, l.partition for update of l),
u as (update @ledger l set until = k.next, leader_epoch = k.next_epoch, @run from k
  where l.group_name = @group and l.topic = k.topic and l.partition = k.partition and l.until = k.held and l.fence = k.held_fence
  returning 1),
c as (update @groups set cluster_id = @cluster
  where group_name = @group and topic = '' and cluster_id = '' and @cluster <> '')@history,
g as materialized (select (select version from @groups where group_name = '' and topic = '') as version,
  (select cluster_id from @groups where group_name = @group and topic = '') as cluster_id,
  (select count(*) from u) as moved)
select case
  when g.version is distinct from 1 then ('newer:@secret:' || coalesce(g.version, 0))::int
  when g.cluster_id <> @cluster and g.cluster_id <> '' and @cluster <> '' then ('cluster:@secret:' || g.cluster_id)::int
  when g.moved <> @count then ('fenced:@secret:' || g.moved)::int
  else 0 end
from g; `

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
  l.next, l.next_epoch, l.fence, l.topic_id, 0, 0, 1, clock_timestamp(), @who, ''`

// compare is sqlstore.LedgerSQL.Compare.
func (s *session) compare(t sqlstore.Tables, c sqlstore.Commits) string {
	run, history, moves, w := mergeSQL, "", c.Moves, c.Writer
	if c.Keep != ledger.KeepMerged {
		run = "run_commits = 0"
		history = ",\nh as (insert into @moves " + moveColumns + " select " + runColumns + " from k l where l.run_commits > 0"
		if c.Keep == ledger.KeepAll {
			history += " union all select " + commitColumns + " from k l"
		}
		history += ")"
	}
	// Two passes: the first puts the pieces together, the second fills in what came from outside, which is not
	// looked at again.
	sql := sqlstore.Fill(compareSQL, "@run", run, "@history", history)
	return sqlstore.Fill(sql,
		"@topics", texts(moves, func(m ledger.Move) string { return m.Topic }),
		"@partitions", integers(moves, func(m ledger.Move) int64 { return int64(m.Partition) }),
		"@held", integers(moves, func(m ledger.Move) int64 { return int64(m.Held.Offset) }),
		"@fences", integers(moves, func(m ledger.Move) int64 { return int64(m.Held.Fence) }),
		"@untils", integers(moves, func(m ledger.Move) int64 { return int64(m.Next.Offset) }),
		"@epochs", integers(moves, func(m ledger.Move) int64 { return int64(m.Next.LeaderEpoch) }),
		"@ledger", t.Ledger, "@groups", t.Groups, "@moves", t.Moves,
		"@group", quote(string(w.Group)), "@cluster", quote(w.ClusterID), "@who", quote(w.Who),
		"@count", itoa(int64(len(moves))), "@secret", s.secret)
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

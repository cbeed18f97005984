package main

import (
	"maps"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/ledger"
)

// viewJSON is the contract of offsets show -o json: within format 1 names only grow.
func viewJSON(v admin.View, p *target.Target) object {
	roster := []object{}
	for _, topic := range slices.Sorted(maps.Keys(v.Snapshot.Roster)) {
		e := v.Snapshot.Roster[topic]
		roster = append(roster, object{"topic", topic, "topic_id", spoken(e.TopicID.String()), "partitions", e.Partitions})
	}
	positions := []object{}
	states := map[admin.State]int{}
	unknown := 0
	for _, s := range v.Standings {
		positions = append(positions, standingJSON(s))
		states[s.State]++
		if s.Lag < 0 {
			unknown++
		}
	}
	_, _, lag := v.Totals()
	var layout any
	if v.Foreign {
		layout = object{"name", p.Form, "meaning", p.Meaning.String(), "notes", notesJSON(v.Notes)}
	}
	return object{"format", 1, "command", "offsets show", "time", utc(v.At), "group", v.Group,
		"ledger", object{"url", p.Where, "id", ledgerID(v.Snapshot.Ledger), "cluster_id", spoken(v.Snapshot.ClusterID)},
		"layout", layout, "roster", roster,
		"totals", object{"partitions", len(v.Standings), "blocked", states[admin.Blocked], "waiting", states[admin.Waiting],
			"parked", states[admin.Parked], "idle", states[admin.Idle], "lag", lag, "lag_unknown", unknown},
		"positions", positions}
}

// notesJSON is a list also where there are none.
func notesJSON(notes []string) []string { return append([]string{}, notes...) }

// standingColumns are the columns of offsets show -o csv.
var standingColumns = []string{"topic", "partition", "position_offset", "position_leader_epoch", "position_fence", "position_topic_id",
	"bounds_earliest", "bounds_stable", "bounds_end", "bounds_topic_id", "lag", "lag_seconds", "verdict", "state", "at_most", "reason",
	"last_move_cause", "last_move_time", "last_move_who", "last_move_why"}

func standingJSON(s admin.Standing) object {
	var bounds, lagSeconds, atMost, last any
	if s.Bounds.Err == nil {
		bounds = object{"earliest", s.Bounds.Earliest, "stable", s.Bounds.Stable, "end", s.Bounds.End, "topic_id", spoken(s.Bounds.TopicID.String())}
	}
	if s.LagTime >= 0 {
		lagSeconds = s.LagTime.Round(time.Millisecond).Seconds()
	}
	if s.Decision.Lost > 0 {
		atMost = s.Decision.Lost
	}
	if m := s.Last; m != nil {
		last = object{"cause", m.Cause.String(), "time", utc(m.At), "who", spoken(m.Who), "why", spoken(m.Reason())}
	}
	reason := s.Reason
	if s.Bad != nil {
		reason = s.Bad.Error()
	}
	var stored any
	if s.Entry != nil {
		stored = s.Entry.Raw
	}
	return object{"topic", s.Topic, "partition", s.Partition, "stored", stored, "position", positionJSON(s.Position), "bounds", bounds, "claim", nil,
		"lag", known(s.Lag), "lag_seconds", lagSeconds, "verdict", verdictJSON(s.Decision.Verdict), "state", spoken(s.State.String()),
		"at_most", atMost, "reason", spoken(reason), "last_move", last}
}

// verdictJSON is a verdict as programs read it: aged-out; null for none.
func verdictJSON(v ledger.Verdict) any {
	if v == ledger.VerdictUnset {
		return nil
	}
	return kebab(v.String())
}

// positionJSON is null for an absent position.
func positionJSON(p ledger.Position) any {
	if p.Absent() {
		return nil
	}
	var fence any // another program's position has none
	if p.Fence != 0 {
		fence = p.Fence.String()
	}
	return object{"offset", p.Offset, "leader_epoch", known(int64(p.LeaderEpoch)), "fence", fence, "topic_id", spoken(p.TopicID.String())}
}

// ledgerID is null for another program's offsets.
func ledgerID(id fencepost.LedgerID) any {
	if id == (fencepost.LedgerID{}) {
		return nil
	}
	return id.String()
}

// utc is a time for programs.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

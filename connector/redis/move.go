package redis

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost/ledger"
)

// A recorded move is one element of the list:
//
//	at | cause | topic | partition | held's until, fence, epoch, topic ID | next's | at most | partitions | commits | who | why
//
// An absent Held has four empty fields.
const fieldsMove = 17

// record is a move as the list keeps it, behind its time, which is the server's.
func record(m ledger.Move, who string) string {
	held, commits := "|||", 0
	if !m.Held.Absent() {
		held = tail(m.Held)
	}
	if m.Cause == ledger.CauseCommit {
		commits = 1
	}
	return fmt.Sprintf("%s|%s|%s|%s|%d|%d|%d|%s|%s", m.Cause, field(m.TopicPartition), held, tail(m.Next), m.AtMost, m.Partitions,
		commits, escaped(who), escaped(m.Reason()))
}

// merges reports whether a move is merged into its partition's open run. A commit that passes records, or says why, is
// told apart always.
func merges(m ledger.Move, keep ledger.KeepCommits) bool {
	return keep == ledger.KeepMerged && m.Cause == ledger.CauseCommit && m.AtMost == 0 && m.Why == ""
}

// recordOf is what is recorded of a move: nothing, merged for a commit that goes into its run, or its text.
func recordOf(m ledger.Move, who string, keep ledger.KeepCommits) string {
	switch {
	case merges(m, keep):
		return merged
	case keep == ledger.KeepNone && m.Cause == ledger.CauseCommit && m.AtMost == 0 && m.Why == "":
		return ""
	}
	return record(m, who)
}

// merged stands for the record of a merged commit.
const merged = "+"

// parseMove reads an element of the list.
func parseMove(s string) (r ledger.Recorded, err error) {
	f := strings.Split(s, "|")
	if len(f) != fieldsMove {
		return r, fmt.Errorf("recorded move %q: %d fields", s, len(f))
	}
	if r, err = recorded(f); err != nil {
		return r, fmt.Errorf("recorded move %q: %w", s, err)
	}
	return r, nil
}

// recorded reads a move's fields.
func recorded(f []string) (r ledger.Recorded, err error) {
	if r.At, err = instant(f[0]); err != nil {
		return r, err
	}
	if r.Cause, err = ledger.ParseCause(f[1]); err != nil {
		return r, err
	}
	if r.TopicPartition, err = parseField(f[2] + "|" + f[3]); err != nil {
		return r, err
	}
	if f[4] != "" {
		if r.Held, err = position(f[4], f[5], f[6], f[7]); err != nil {
			return r, err
		}
	}
	if r.Next, err = position(f[8], f[9], f[10], f[11]); err != nil {
		return r, err
	}
	if r.AtMost, err = strconv.ParseInt(f[12], 10, 64); err != nil {
		return r, err
	}
	partitions, err := strconv.ParseInt(f[13], 10, 32)
	if err != nil {
		return r, err
	}
	r.Partitions = int32(partitions)
	r.Commits, err = strconv.ParseInt(f[14], 10, 64)
	r.Who = plain(f[15])
	r.SetReason(plain(f[16]))
	return r, err
}

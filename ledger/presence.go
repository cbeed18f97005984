package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
)

// Presence is an optional ability of a Ledger: signs of life that its store takes back by itself when the process that holds one
// dies. An ended sign is a hint and no proof: a store that restarts ends all of them at once. Nothing of what is applied hangs on
// one, for the fence refuses whoever was taken for dead and lives.
type Presence interface {
	// Appear takes a sign that nobody has or had: 16 hexadecimal digits, as of NewSign. It holds while the process and its
	// connection to the store live, until Sign.End.
	//
	// Errors: ErrNoPresence; any other error: the sign is not taken.
	Appear(ctx context.Context, g fencepost.Group, sign string) (Sign, error)
	// Alive returns those of the signs that are held now. Errors: ErrNoPresence; any other error: no answer.
	Alive(ctx context.Context, g fencepost.Group, signs []string) ([]string, error)
}

// Lingering is an optional ability of a Presence whose signs outlast the processes that held them: by a session's timeout.
type Lingering interface {
	// Lingers is how long, at most.
	Lingers() time.Duration
}

// Noticing is an optional ability of a Presence: it says how soon the end of a worker is known.
type Noticing interface {
	// Notice asks the store. It changes nothing. Errors: ErrNoPresence; any other error: no answer.
	Notice(context.Context) (Notice, error)
}

// Notice is how soon the others know that a process has died.
type Notice struct {
	Within time.Duration // at most, where the store answers at once
	Why    string        // in the store's own terms: by an advisory lock, which ends with its worker's connection
}

// Sign is a sign of life that this process holds. One goroutine at a time calls Watch; Lost and End may be called beside it.
type Sign interface {
	// Watch waits until signs of others have ended, and returns those that it knows of. It returns early where it cannot go on:
	// the connection by which it watches ended. Then nothing is known of any sign for the moment.
	Watch(ctx context.Context, others []string) (ended []string, err error)
	// Lost waits until the sign has ended without End: the store has restarted, or the connection broke. Its error is ctx's, or
	// ErrSignEnded after End.
	Lost(ctx context.Context) error
	// End gives the sign back, and its connections. It can be called more than once.
	End(ctx context.Context) error
}

// ErrNoPresence: the ledger's store can take no signs of life here, for a reason that stands before it: it is behind a pooler that
// hides its sessions. Its workers are given up after the session timeout. Returned by Presence.Appear and Presence.Alive.
var ErrNoPresence = errors.New("no sign of life can be had")

// ErrSignEnded: the own sign has ended, and nothing is watched by it any more. Returned by Sign.Watch and Sign.Lost.
var ErrSignEnded = errors.New("the own sign of life has ended")

// NewSign is a sign made of random bits.
func NewSign(random uint64) string { return fmt.Sprintf("%016x", random) }

// Worker is a live or former member of the group, as it has entered itself beside the group's positions.
type Worker struct {
	Slot     int    // where it stands among the entries; those that are over are used again
	Sign     string // its sign of life; of a life each
	Member   string // its ID in the Kafka group; empty: it has not joined yet
	Instance string // of a static member; else empty
	Who      string // pid@host
	Since    time.Time
	Over     string // how it ended: Left or Evicted; empty: it has not said so, and nobody for it
}

// The ways in which a worker's entry ends.
const (
	Left    = "left"    // by itself
	Evicted = "evicted" // by a worker that saw its sign end
)

// workerSubject begins the subject of a Worker among the reports. No partition is named so.
const workerSubject = "worker "

func (w Worker) subject() string { return workerSubject + strconv.Itoa(w.Slot) }

func (w Worker) text() string {
	return fields{{"sign", w.Sign}, {"member", w.Member}, {"instance", w.Instance}, {"who", w.Who}, {"since", w.Since.UTC().Format(time.RFC3339Nano)},
		{"over", w.Over}}.text()
}

// parseWorker reads what text made.
func parseWorker(slot int, text string) (w Worker, err error) {
	f, err := parseFields(text)
	if err != nil {
		return w, err
	}
	w = Worker{Slot: slot, Sign: f.get("sign"), Member: f.get("member"), Instance: f.get("instance"), Who: f.get("who"), Over: f.get("over")}
	w.Since, err = time.Parse(time.RFC3339Nano, f.get("since"))
	return w, err
}

// workersIn are the workers among reports, in the order of their slots. An entry that cannot be read is no worker: a newer program
// may write it otherwise.
func workersIn(texts map[string]string) (all []Worker) {
	for _, subject := range slices.Sorted(maps.Keys(texts)) {
		number, is := strings.CutPrefix(subject, workerSubject)
		slot, err := strconv.Atoi(number)
		if !is || err != nil {
			continue
		}
		if w, err := parseWorker(slot, texts[subject]); err == nil && w.Sign != "" {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b Worker) int { return a.Slot - b.Slot })
	return all
}

// ReadWorkers returns the workers that have entered themselves, in the order of their slots, those that are over among them.
//
// Errors: ErrNoReports; any other error: no answer.
func ReadWorkers(ctx context.Context, l Ledger, g fencepost.Group) ([]Worker, error) {
	texts, err := readTexts(ctx, l, g)
	return workersIn(texts), err
}

// WriteWorkers replaces the entries in these workers' slots.
//
// Errors: those of Reports.PutReports.
func WriteWorkers(ctx context.Context, l Ledger, g fencepost.Group, workers ...Worker) error {
	if len(workers) == 0 {
		return nil
	}
	texts := make(map[string]string, len(workers))
	for _, w := range workers {
		texts[w.subject()] = w.text()
	}
	return writeTexts(ctx, l, g, texts)
}

// namesKept is how many static members that have left keep their slots.
const namesKept = 100

// FreeSlot is the slot for a worker of an instance (empty: of none): the one that its instance had, else the lowest that nobody has who may
// live still. A static member that has left is none of the living, and yet a member until its session ends: without its entry it would be a
// stranger (see Strangers). The last 100 of those keep their slots.
func FreeSlot(all []Worker, instance string) int {
	taken := map[int]bool{}
	var kept []Worker
	for _, w := range all {
		switch {
		case w.Over != "" && w.Instance != "" && w.Instance == instance:
			return w.Slot
		case w.Over == Left && w.Instance != "":
			kept = append(kept, w)
		default:
			taken[w.Slot] = w.Over == ""
		}
	}
	slices.SortStableFunc(kept, func(a, b Worker) int { return b.Since.Compare(a.Since) })
	for _, w := range kept[:min(len(kept), namesKept)] {
		taken[w.Slot] = true
	}
	for slot := 0; ; slot++ {
		if !taken[slot] {
			return slot
		}
	}
}

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

// Reports is an optional ability of a Ledger: short texts that workers leave beside a group's positions, for those that ask
// from elsewhere. No text takes part in a compare-and-set, so that a lost or a late one changes nothing of what is applied.
//
// A store keeps texts by subject and does not read them: what they say is written and read here, and a newer program may
// add to it. ReadReports and WriteReports are the way in.
type Reports interface {
	// Reports returns the group's texts by subject. It makes nothing in the store.
	//
	// Errors: ErrNoReports; any other error: no answer.
	Reports(context.Context, fencepost.Group) (map[string]string, error)
	// PutReports replaces the texts of these subjects and leaves all others as they are. An empty text takes one away. It
	// makes what it needs in the store, if it may.
	//
	// Errors: ErrNoReports; any other error: it may have happened or not, and is mended by the next call.
	PutReports(context.Context, fencepost.Group, map[string]string) error
}

// ErrNoReports: the ledger has no place for reports. It is of an earlier release, and its owner has not made one since, or
// it is no Reports at all. Positions and moves are not concerned. Returned by both methods of Reports.
var ErrNoReports = errors.New("this ledger keeps no reports")

// Halt is how a partition stands still, in one word. A newer program may know more of them. The empty Halt is none.
type Halt string

// The ways to stand still.
const (
	HaltParked   Halt = "parked"   // until the cause is mended
	HaltWaiting  Halt = "waiting"  // for an answer of the brokers
	HaltBlocked  Halt = "blocked"  // by an open transaction
	HaltRetrying Halt = "retrying" // its commit fails and is tried again, or takes long
	HaltCutOff   Halt = "cut-off"  // its worker lost it without leaving, and has not got it back
)

// Report is why a partition stands still, as the worker knows that has it. It is valid only while the ledger holds exactly
// its Position: a move or a commit makes it stale, and nothing has to delete it.
type Report struct {
	fencepost.TopicPartition
	Halt     Halt
	Code     string // kebab-case: record-refused; empty: there is none
	Reason   string
	Record   bool             // a record is the cause, whatever the code is
	Offset   fencepost.Offset // of that record, or of the position
	Since    time.Time        // by the worker's clock
	Who      string           // the worker
	Position Position         // Offset and Fence alone
}

// Current reports whether the report is about what the ledger holds.
func (r Report) Current(held Position) bool {
	return r.Position.Offset == held.Offset && r.Position.Fence == held.Fence
}

// Same reports whether a store keeps the same of both.
func (r Report) Same(o Report) bool {
	return r.TopicPartition == o.TopicPartition && r.text() == o.text()
}

// mostTexts bounds the texts of one call, so that they fit into a store's request.
const mostTexts = 500

// mostReason bounds a reason, in bytes: a store keeps it in one value, and a screen shows less.
const mostReason = 2000

// cut is the beginning of a text of more than most bytes.
func cut(text string, most int) string {
	if len(text) > most+len("…") {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// text is what is kept of a report; empty for one without a Halt.
func (r Report) text() string {
	if r.Halt == "" {
		return ""
	}
	f := fields{{"state", string(r.Halt)}, {"code", r.Code}, {"reason", cut(r.Reason, mostReason)}, {"offset", itoa(r.Offset)}, {"since", r.Since.UTC().Format(time.RFC3339Nano)},
		{"who", r.Who}, {"until", itoa(r.Position.Offset)}, {"fence", r.Position.Fence.String()}}
	if r.Record {
		f = append(f, [2]string{"of", ofRecord})
	}
	return f.text()
}

// ofRecord is the word for a report whose cause is a record.
const ofRecord = "record"

func itoa(o fencepost.Offset) string { return strconv.FormatInt(int64(o), 10) }

// parseReport reads what text made.
func parseReport(tp fencepost.TopicPartition, text string) (Report, error) {
	f, err := parseFields(text)
	offset, err1 := strconv.ParseInt(f.get("offset"), 10, 64)
	until, err2 := strconv.ParseInt(f.get("until"), 10, 64)
	fence, err3 := strconv.ParseInt(f.get("fence"), 16, 64)
	since, err4 := time.Parse(time.RFC3339Nano, f.get("since"))
	if err := errors.Join(err, err1, err2, err3, err4); err != nil {
		return Report{}, fmt.Errorf("report of %s: %w", tp, err)
	}
	return Report{TopicPartition: tp, Halt: Halt(f.get("state")), Code: f.get("code"), Reason: f.get("reason"), Record: f.get("of") == ofRecord, Offset: fencepost.Offset(offset),
		Since: since, Who: f.get("who"), Position: Position{Offset: fencepost.Offset(until), Fence: Fence(fence)}}, nil
}

// fields are names with values, as a text that people can read too: state="parked" code="record-refused". A reader passes
// over names that it does not know.
type fields [][2]string

func (f fields) text() string {
	var b strings.Builder
	for i, pair := range f {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(pair[0] + "=" + strconv.Quote(pair[1]))
	}
	return b.String()
}

// get is the value of a name; empty where there is none.
func (f fields) get(name string) string {
	for _, pair := range f {
		if pair[0] == name {
			return pair[1]
		}
	}
	return ""
}

func parseFields(text string) (f fields, err error) {
	for text != "" {
		name, rest, ok := strings.Cut(text, "=")
		quoted, err := strconv.QuotedPrefix(rest)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is not name=\"value\"", text)
		}
		value, _ := strconv.Unquote(quoted) // QuotedPrefix says that it can be
		f = append(f, [2]string{name, value})
		text = strings.TrimPrefix(rest[len(quoted):], " ")
	}
	return f, nil
}

// Known is what the workers of a group have reported.
type Known struct {
	Reports  map[fencepost.TopicPartition]Report // whether they are current or not
	Pipeline Pipeline                            // of the worker that began last; without Parts: not known
	Workers  []Worker                            // that have entered themselves, those that are over too
}

// ReadReports returns what the workers of a group have reported.
//
// Errors: ErrNoReports; any other error: no answer.
func ReadReports(ctx context.Context, l Ledger, g fencepost.Group) (Known, error) {
	texts, err := readTexts(ctx, l, g)
	if err != nil {
		return Known{}, err
	}
	all := map[fencepost.TopicPartition]Report{}
	pipeline, err := parsePipeline(texts[pipelineSubject])
	if err != nil {
		return Known{}, fmt.Errorf("report of the pipeline: %w", err)
	}
	for subject, text := range texts {
		tp, ok := partitionOf(subject)
		if !ok {
			continue
		}
		if all[tp], err = parseReport(tp, text); err != nil {
			return Known{}, err
		}
	}
	return Known{Reports: all, Pipeline: pipeline, Workers: workersIn(texts)}, nil
}

// WriteReports replaces the reports of these partitions; one without a Halt takes the partition's away.
//
// Errors: those of Reports.PutReports.
func WriteReports(ctx context.Context, l Ledger, g fencepost.Group, reports []Report) error {
	if len(reports) == 0 {
		return nil
	}
	texts := make(map[string]string, len(reports))
	for _, r := range reports {
		texts[r.TopicPartition.String()] = r.text()
	}
	return writeTexts(ctx, l, g, texts)
}

// partitionOf is the partition that a subject names; ok is false for a subject of another kind.
func partitionOf(subject string) (tp fencepost.TopicPartition, ok bool) {
	at := strings.LastIndexByte(subject, ':')
	if at < 0 {
		return tp, false
	}
	n, err := strconv.ParseInt(subject[at+1:], 10, 32)
	return fencepost.TopicPartition{Topic: subject[:at], Partition: int32(n)}, err == nil
}

func readTexts(ctx context.Context, l Ledger, g fencepost.Group) (map[string]string, error) {
	kept, ok := As[Reports](l)
	if !ok {
		return nil, ErrNoReports
	}
	texts, err := kept.Reports(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("read reports: %w", err)
	}
	return texts, nil
}

func writeTexts(ctx context.Context, l Ledger, g fencepost.Group, texts map[string]string) error {
	kept, ok := As[Reports](l)
	if !ok {
		return ErrNoReports
	}
	for subjects := range slices.Chunk(slices.Sorted(maps.Keys(texts)), mostTexts) {
		some := make(map[string]string, len(subjects))
		for _, s := range subjects {
			some[s] = texts[s]
		}
		if err := kept.PutReports(ctx, g, some); err != nil {
			return fmt.Errorf("write reports: %w", err)
		}
	}
	return nil
}

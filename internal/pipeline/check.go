package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// subjects are the lines of a check, in the order in which people read them.
var subjects = []string{"file", "brokers", "topic", "group", "registry", "schema", "records", "database", "ledger", "takeover", "mirror", "positions", "trial"}

// Report is what a check found.
type Report struct {
	File     *File
	Findings []fencepost.Finding // in the order of subjects; At says where in the file each belongs
	Unasked  []string            // subjects without findings, since something before them did not answer
	Promise  Promise
}

// Exit is the command's exit code: 0, 3 for findings, 1 if something did not answer and nothing is wrong besides.
func (r Report) Exit() int {
	exit := 0
	for _, f := range r.Findings {
		switch {
		case f.OK:
		case f.Silent && exit == 0:
			exit = 1
		case !f.Silent:
			exit = 3
		}
	}
	return exit
}

// At is FILE:LINE:COLUMN of the key that a finding is about, empty for one that is not about the file.
func (r Report) At(f fencepost.Finding) string {
	if f.OK || f.Key == "" || f.Silent && !strings.HasPrefix(f.Key, "schema.") {
		return ""
	}
	for _, path := range []string{f.Key, "source." + f.Key, keys.Join("sink."+r.File.Sink.Kind, f.Key)} {
		if _, ok := r.File.places[path]; ok {
			return r.File.At(path)
		}
	}
	return ""
}

// Check asks brokers and database what there is to know before a run, side by side, each within the timeout. It
// changes nothing.
func Check(ctx context.Context, f *File, timeout time.Duration) (Report, error) {
	r := Report{File: f, Promise: f.Promise()}
	o, err := Open(ctx, f, Hooks{})
	if err != nil {
		return r, err
	}
	found := []fencepost.Finding{{Subject: "file", OK: true, Text: f.summary()}}
	found = append(found, o.ask(ctx, timeout)...)
	for _, subject := range subjects {
		n := len(r.Findings)
		for _, one := range found {
			if one.Subject == subject {
				r.Promise.rest(one)
				one.Help = f.pointed(one.Help)
				r.Findings = append(r.Findings, one)
			}
		}
		if len(r.Findings) == n && subject != "positions" && subject != "mirror" && subject != "takeover" && (subject != "registry" || o.schemas.registry != nil) && (subject != "schema" || o.schemas.file != nil) { // a new group has none; not every file has mirrors, a registry or a schema
			r.Unasked = append(r.Unasked, subject)
		}
	}
	for _, one := range found {
		if !slices.Contains(subjects, one.Subject) {
			r.Findings = append(r.Findings, one)
		}
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return r, errors.Join(o.Source.Leave(leaving), o.Close())
}

// ask lets source, sink and mirrors look at their servers, all at once.
func (o *Opened) ask(ctx context.Context, timeout time.Duration) []fencepost.Finding {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var source, effects, mirrors, schemas []fencepost.Finding
	var all sync.WaitGroup
	columns := o.File.Columns()
	all.Go(func() {
		source = o.Source.Check(ctx, columns)
		o.sayStart(ctx, source)
	})
	all.Go(func() {
		if c, ok := sink.As[fencepost.Checker](o.Sink); ok {
			effects = c.Check(ctx, columns)
		}
		if t, ok := sink.As[trier](o.Sink); ok && !slices.ContainsFunc(effects, func(f fencepost.Finding) bool { return !f.OK }) {
			effects = append(effects, t.Trial(ctx, o.File.Group, columns)...)
		}
		effects = append(effects, o.checkLetters(ctx, effects)...)
	})
	all.Go(func() { mirrors = o.checkMirrors(ctx) })
	var newest []*registry.Schema
	all.Go(func() { schemas, newest = o.checkRegistry(ctx) })
	all.Wait()
	found := slices.Concat(source, effects, mirrors, schemas, o.checkProtobuf())
	found = append(found, o.ofStream(found, newest)...)
	for i := range found {
		found[i].Help = codes.RemedyOf(found[i])
	}
	o.File.pointCredentials(found)
	o.compareLedger(ctx, found)
	found = append(found, o.look(ctx, found)...)
	found = append(found, o.startOutside(ctx, found)...)
	found = append(found, o.standing(ctx, found)...)
	o.comparePipeline(ctx, found)
	return append(found, o.takeover(ctx, found)...)
}

// checkLetters says beforehand why a run that may write dead letters would not begin, where the ledger itself is well.
func (o *Opened) checkLetters(ctx context.Context, found []fencepost.Finding) []fencepost.Finding {
	checker, able := ledger.As[ledger.LetterChecker](o.Sink.Ledger())
	if !able || !o.File.OnError.Writes() || slices.ContainsFunc(found, func(f fencepost.Finding) bool { return f.Subject == "ledger" && !f.OK }) {
		return nil
	}
	err := checker.CheckLetters(ctx, o.File.Group)
	if err == nil {
		return nil
	}
	f := fencepost.Finding{Subject: "ledger", Code: "database-silent", Key: "on_error", Text: "dead letters: " + err.Error(), Silent: true}
	if fault, ok := errors.AsType[*fencepost.UserError](err); ok {
		f.Code, f.Help, f.Silent = fault.Code, fault.Help, fault.Passing
	}
	return []fencepost.Finding{f}
}

// look decodes a sample of the topics, where they can be read.
func (o *Opened) look(ctx context.Context, found []fencepost.Finding) []fencepost.Finding {
	if slices.ContainsFunc(found, func(f fencepost.Finding) bool { return !f.OK && (f.Subject == "brokers" || f.Subject == "topic") }) {
		return nil
	}
	list := o.records(ctx, factsOf(found))
	for i := range list {
		list[i].Help = codes.RemedyOf(list[i])
	}
	return list
}

// startOutside finds offsets of start that are outside of their logs, for a group that is new: its partitions would park.
func (o *Opened) startOutside(ctx context.Context, found []fencepost.Finding) (outside []fencepost.Finding) {
	offsets := o.File.Policy.Start.Offsets
	if len(offsets) == 0 || !slices.ContainsFunc(found, func(f fencepost.Finding) bool {
		return f.OK && f.Subject == "group" && strings.Contains(f.Text, " is new: ")
	}) {
		return nil
	}
	var asks []fencepost.OffsetQuery
	for tp := range offsets {
		asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch})
	}
	bounds := o.Source.Cluster().LogOffsets(ctx, asks)
	for _, tp := range slices.SortedFunc(maps.Keys(offsets), fencepost.TopicPartition.Compare) {
		b, at := bounds[tp], offsets[tp]
		if b.Err == nil && (at < b.Earliest || at > b.HighWatermark) {
			outside = append(outside, fencepost.Finding{Subject: "group", Code: "start-out-of-bounds", Key: "source.start",
				Text: fmt.Sprintf("%s starts at %s, and its log is [%s .. %s): it would park", tp, text.Count(at), text.Count(b.Earliest), text.Count(b.HighWatermark)),
				Help: fmt.Sprintf(`start: {"%s": %d}`, tp, max(b.Earliest, min(at, b.HighWatermark)))})
		}
	}
	return outside
}

// trier is a sink whose trial depends on the group.
type trier interface {
	Trial(ctx context.Context, g fencepost.Group, columns []fencepost.ColumnSpec) []fencepost.Finding
}

// standing reports, for a group that has run, what its stored positions are worth, as a worker would find them.
func (o *Opened) standing(ctx context.Context, found []fencepost.Finding) []fencepost.Finding {
	ok := func(subject string) int {
		return slices.IndexFunc(found, func(f fencepost.Finding) bool { return f.Subject == subject && f.OK })
	}
	ledger, group := ok("ledger"), ok("group")
	if ledger < 0 || group < 0 || strings.HasPrefix(found[ledger].Text, noLedger) {
		return nil
	}
	resources, err := o.Resources()
	if err != nil {
		return nil
	}
	view, err := admin.Look(ctx, resources)
	if err != nil || view.Snapshot.Empty() {
		return nil
	}
	found[group].Text = strings.Replace(found[group].Text, " is new: ", " has no offsets in Kafka, but has run: ", 1)
	return positions(view)
}

// positions is one line for all that is well, or one for each partition that needs a person.
func positions(view admin.View) (found []fencepost.Finding) {
	unread := int64(0)
	for _, s := range view.Standings {
		unread += max(0, s.Lag, s.Ahead())
		if s.NeedsPerson() {
			found = append(found, halted(s))
		}
	}
	if len(found) > 0 {
		return found
	}
	return []fencepost.Finding{{Subject: "positions", OK: true,
		Text: fmt.Sprintf("%s, %s unread", text.Plural(len(view.Standings), "partition"), text.Count(unread))}}
}

// halted is a finding about a partition that stands still.
func halted(s admin.Standing) fencepost.Finding {
	f := fencepost.Finding{Subject: "positions", Code: cmp.Or(s.Code(), "partition-halted"), Text: s.TopicPartition.String() + ": " + s.Told(),
		Help: "fencepost offsets repair FILE"}
	switch {
	case s.Decision.Verdict == ledger.OldPrimary:
		f.Help = codes.OldPrimary(s.TopicPartition, s.Position.Offset)
	case s.State != admin.Parked:
		f.Help = "it goes on by itself once that is over; the log of the worker says more"
	}
	return f
}

// noLedger is how resources say that the ledger's tables are not there. Reading it then would make them, and a check
// changes nothing.
const noLedger = "none yet"

// compareLedger says beforehand what a run would refuse: a group that another ledger keeps, and an empty ledger of a
// group that has run. It takes both sides to see it, so that neither package can.
func (o *Opened) compareLedger(ctx context.Context, found []fencepost.Finding) {
	at := func(subject string) int {
		return slices.IndexFunc(found, func(f fencepost.Finding) bool { return f.Subject == subject && f.OK })
	}
	line := at("ledger")
	if line < 0 || at("group") < 0 {
		return
	}
	mirrored, err := o.Source.Cluster().CommittedOffsets(ctx, o.File.Group)
	if err != nil || len(mirrored) == 0 {
		return
	}
	var held ledger.Snapshot
	if !strings.HasPrefix(found[line].Text, noLedger) {
		if held, err = o.Sink.Ledger().Read(ctx, o.File.Group); err != nil {
			return
		}
	}
	fault, refused := errors.AsType[*fencepost.UserError](ledger.Keeps(o.File.Group, held, mirrored))
	if !refused {
		fault, refused = o.otherCopy(ctx, held.Ledger, mirrored)
	}
	if refused {
		found[line] = fencepost.Finding{Subject: "ledger", Code: fault.Code, Key: "group", Text: fault.Error(), Help: codes.Remedy(fault)}
	}
}

// otherCopy finds a worker of another copy of the ledger in the group, as a run would. No answer finds none.
func (o *Opened) otherCopy(ctx context.Context, id fencepost.LedgerID, mirrored map[fencepost.TopicPartition]fencepost.CommittedOffset) (_ *fencepost.UserError, found bool) {
	members, err := o.Source.Peers(ctx)
	if err != nil || len(members) == 0 {
		return nil, false
	}
	workers, err := ledger.ReadWorkers(ctx, o.Sink.Ledger(), o.File.Group)
	if err != nil {
		return nil, false
	}
	live := make([]string, len(members))
	for i, m := range members {
		live[i] = m.ID
	}
	strangers := ledger.Strangers(id, mirrored, live, workers)
	if len(strangers) == 0 {
		return nil, false
	}
	return ledger.OtherCopy(o.File.Group, strangers[0]), true
}

// comparePipeline says what a run of this file would do otherwise than the group did until now, and who began that.
func (o *Opened) comparePipeline(ctx context.Context, found []fencepost.Finding) {
	at := func(subject string) int {
		return slices.IndexFunc(found, func(f fencepost.Finding) bool { return f.Subject == subject && f.OK })
	}
	line, group := at("ledger"), at("group")
	if line < 0 || group < 0 || strings.HasPrefix(found[line].Text, noLedger) {
		return
	}
	known, err := ledger.ReadReports(ctx, o.Sink.Ledger(), o.File.Group)
	if err != nil || len(known.Pipeline.Parts) == 0 {
		return
	}
	was, live := known.Pipeline, 0
	if members, err := o.Source.MemberCount(ctx); err == nil {
		live = members
	}
	differences, refused := ledger.Admit(was, ledger.Pipeline{Parts: o.File.Does()}, live, false)
	change := engine.PipelineChanged{Was: was, Differences: differences, Others: live}
	switch {
	case refused:
		found[group] = fencepost.Finding{Subject: "group", Code: "pipeline-differs", Key: "group", Text: fmt.Sprintf("group %s does something else: %s", o.File.Group, change)}
		found[group].Help = codes.RemedyOf(found[group])
	case len(differences) > 0:
		found[group].Text += "; run takes, with a warning: " + change.String()
	default:
		found[group].Text += fmt.Sprintf("; %s was the last to begin, at %s", was.Who, was.Since.Local().Format(time.DateTime))
	}
}

// takeover says how long the partitions of a worker that was killed stand still, and why, where the ledger is well. Explicit partitions
// stay with their worker.
func (o *Opened) takeover(ctx context.Context, found []fencepost.Finding) []fencepost.Finding {
	if len(o.File.Source.Partitions) > 0 || !slices.ContainsFunc(found, func(f fencepost.Finding) bool { return f.OK && f.Subject == "ledger" }) {
		return nil
	}
	session := "its session timeout, " + text.Duration(o.File.Source.SessionTimeout)
	consumer := o.File.Source.Consumer
	if consumer {
		session = "its session timeout, which is the brokers' (group.consumer.session.timeout.ms, 45s by default)"
	}
	says := fmt.Sprintf("partitions of a killed worker wait for %s", session)
	noticing, able := ledger.As[ledger.Noticing](o.Sink.Ledger())
	if able {
		n, err := noticing.Notice(ctx)
		switch {
		case errors.Is(err, ledger.ErrNoPresence):
			says += fmt.Sprintf(": %v", err)
		case err != nil:
			return nil // the ledger's own line says what is wrong, or will the next time
		default:
			says = fmt.Sprintf("partitions of a killed worker move within %s, %s. Those of a host that vanished wait for %s at most", text.Duration(n.Within), n.Why, session)
		}
	}
	if consumer {
		says += fmt.Sprintf(". The brokers assign at most once a second; consumer.assignment.interval.ms=0 of the group %s changes that", o.File.Group)
	}
	return []fencepost.Finding{{Subject: "takeover", OK: true, Text: says}}
}

// sayStart completes what the source says of a new group by what only the file knows: where it starts.
func (o *Opened) sayStart(ctx context.Context, found []fencepost.Finding) {
	i := slices.IndexFunc(found, func(f fencepost.Finding) bool { return f.Subject == "group" && f.OK })
	if i < 0 {
		return
	}
	about, err := o.Source.Cluster().Describe(ctx)
	if err != nil {
		return
	}
	n := int64(len(o.File.Source.Partitions))
	if n == 0 {
		for _, t := range about.Topics {
			n += int64(t.Partitions)
		}
	}
	starts := "partitions start"
	if n == 1 {
		starts = "partition starts"
	}
	found[i].Text = strings.Replace(found[i].Text, " is new; ", fmt.Sprintf(" is new: %d %s at %s; ", n, starts, o.File.Policy.Start), 1)
}

// pointCredentials adds to a refused login where its secret comes from, and how long it is: enough to see an empty or
// cut one, and nothing of it.
func (f *File) pointCredentials(found []fencepost.Finding) {
	for i := range found {
		if found[i].Code != "sasl-refused" || f.Source.SASL.Mechanism == "" {
			continue
		}
		if line := f.Line("source.sasl"); line != "" {
			found[i].Help += " (" + line + ")"
		}
		secret := f.Source.SASL.Password
		if secret.Empty() {
			secret = f.Source.SASL.Token
		}
		if says := secret.References(); says != "" {
			found[i].Help += "; " + says
		}
	}
}

// summary is the line about the file itself.
func (f *File) summary() string {
	columns := text.Plural(len(f.Columns()), "column")
	if f.Apart() {
		return fmt.Sprintf("%s from %s, sink %s, ledger apart in %s", columns, f.Decode, f.Sink.Kind, f.Ledger.Kind)
	}
	return fmt.Sprintf("%s from %s, sink %s, ledger in the same %s", columns, f.Decode, f.Sink.Kind, f.About().Home)
}

package top

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// partition is the page of one partition.
type partition struct {
	scroll
	source *source
	tp     fencepost.TopicPartition
	s      view.Standing
	gone   bool

	asked  string // of which state what follows is
	repair *view.Repair
	fault  *fencepost.UserError // why choices are not known
	moves  []view.MoveRun       // the newest first
	clock  text.Clock
}

func newPartition(s *source, one view.Standing) *partition {
	return &partition{source: s, s: one, tp: fencepost.TopicPartition{Topic: one.Topic, Partition: one.Partition}}
}

func (p *partition) crumb() string { return p.tp.String() }

func (p *partition) of() *source { return p.source }

func (p *partition) keys(*Model) string {
	if p.s.Person {
		return "r retry  s skip  c choices  m move  x peek  l moves  esc back  ? help  ctrl-r ask again"
	}
	return "m move  x peek  l moves  esc back  : command  ? help  ctrl-r ask again  q leave"
}

func (p *partition) refresh(*Model) {
	if s, ok := p.source.moment.Standing(p.tp); ok {
		p.s, p.gone = s, false
	} else {
		p.gone = true
	}
}

func (p *partition) answer(*Model) string {
	m, s := p.source.moment, p.s
	if p.gone {
		return "the group has no such partition any more"
	}
	says := watch.State(s.State)
	if r := s.Report; r != nil {
		says += fmt.Sprintf(" since %s (%s)", m.Positions.Clock.TimeOfDay(r.Since.Time), view.Age(m.Positions.Time.Sub(r.Since.Time)))
	}
	if s.Code != "" {
		says += "   " + string(s.Code)
	}
	says += "   verdict " + watch.Known(s.Verdict)
	if r := s.Report; r != nil && r.Worker != "" {
		says += "   worker " + string(r.Worker)
	}
	return says
}

// most lines of a partition's history.
const lastMoves = 6

// ask brings what a moment does not have: the record that parks it, what can be done, and its last moves.
func (p *partition) ask(m *Model) tea.Cmd {
	s, src := p.s, p.source
	p.asked = p.state()
	now, clock := src.moment.Positions.Time.Time, src.moment.Positions.Clock
	return m.ask(func(ctx context.Context) took {
		var repair *view.Repair
		var fault *fencepost.UserError
		if s.Person {
			r, err := choicesFor(ctx, src, p.tp)
			if err != nil {
				fault = src.Named(err, watch.BrokersSilent)
			} else {
				repair = &r
			}
		}
		var runs []view.MoveRun
		if told, err := admin.Moves(ctx, src.Resources, admin.Filter{}); err == nil {
			all := view.NewMoves(told, src.Resources.Group, admin.Filter{}, now)
			for i := len(all.Moves) - 1; i >= 0 && len(runs) < lastMoves; i-- {
				if one := all.Moves[i]; one.Topic == p.tp.Topic && one.Partition == p.tp.Partition {
					runs = append(runs, view.MoveRun{Move: one, Name: p.tp.String()})
				}
			}
		}
		return func(m *Model) {
			p.repair, p.fault, p.moves, p.clock = repair, fault, runs, clock
		}
	})
}

// choicesFor is what can be done about a partition that needs a person.
func choicesFor(ctx context.Context, s *source, tp fencepost.TopicPartition) (view.Repair, error) {
	sel, err := admin.ParseSelection([]string{tp.String()})
	if err != nil {
		return view.Repair{}, err
	}
	v, err := admin.Look(ctx, s.Resources)
	if err != nil {
		return view.Repair{}, err
	}
	v.ReadParked(ctx, s.Resources, sel, 1)
	plan, err := admin.PlanRepair(s.Resources, v, sel, admin.Choices{Policy: s.Resources.Policy})
	if err != nil {
		return view.Repair{}, err
	}
	plan.Count(ctx, s.Resources)
	return view.NewRepair(plan), nil
}

// state is what makes what was asked for old.
func (p *partition) state() string {
	at := fencepost.Offset(-1)
	if p.s.Position != nil && p.s.Person {
		at = p.s.Position.Offset
	}
	return fmt.Sprint(p.s.Person, p.s.State, at)
}

// indent is that of the facts of a page.
const indent = 10

func (p *partition) draw(m *Model, width, height int) []line {
	moment, s := p.source.moment, p.s
	lines := noted(p.source, width)
	if len(lines) > 0 {
		lines = append(lines, nil)
	}
	if p.gone {
		return lines
	}
	fact := func(name, says string) { lines = append(lines, prose(name, indent, says, width, 0, false)...) }
	if says := s.Told; (s.Odd || s.Transaction != nil) && moment.Brokers == nil {
		if says == "" {
			says = string(s.Reason)
		}
		style, paint := stateStyle(watch.State(s.State))
		if s.Transaction != nil {
			says += ". It goes on by itself, once the transaction ends"
		}
		lines = append(lines, prose("why", indent, says, width, style, paint)...)
	}
	fact("log", p.logFact())
	fact("position", positionFact(s))
	if s.Bounds != nil {
		fact("topic ID", string(s.Bounds.TopicID))
	}
	lag := watch.Unknown
	if s.Lag >= 0 {
		lag = s.Lag.String() + " records, oldest " + watch.Known(s.LagTime)
	}
	if pace := moment.Pace[p.tp]; pace.Written >= 0 && pace.Applied >= 0 {
		lag += fmt.Sprintf("; %s/s are written, %s/s applied", watch.PerSecond(pace.Written), watch.PerSecond(pace.Applied))
	}
	fact("lag", lag)
	if s.Bounds != nil {
		scale := watch.NewScale([]view.Standing{s}, false)
		lines = append(lines, append(plain(strings.Repeat(" ", indent)), m.ink.bar(scale, s, moment.Marks()[p.tp], width-indent)...),
			painted(screen.Dim, strings.Repeat(" ", indent)+axis(scale, width-indent)))
	}
	if tx := s.Transaction; tx != nil {
		says := fmt.Sprintf("of producer %d", tx.ProducerID)
		if tx.TransactionalID != "" {
			says += " (" + string(tx.TransactionalID) + ")"
		}
		says += ", from " + text.Count(tx.From)
		if !tx.Since.IsZero() {
			says += ", open since " + moment.Positions.Clock.Time(tx.Since.Time)
		}
		fact("open", says)
	}
	if s.CommittedElsewhere != nil {
		fact("elsewhere", "another program moved it in the Kafka group to "+text.Count(*s.CommittedElsewhere)+"; the ledger decides")
	}
	lines = append(lines, p.brought(width)...)
	return p.seen(lines, height)
}

func (p *partition) logFact() string {
	b := p.s.Bounds
	if b == nil {
		return watch.Unknown
	}
	return fmt.Sprintf("[%s .. %s)   stable %s", text.Count(b.Earliest), text.Count(b.End), text.Count(b.Stable))
}

func positionFact(s view.Standing) string {
	if s.Position == nil {
		return "absent"
	}
	says := s.Position.String()
	if s.Position.LeaderEpoch >= 0 {
		says += "   epoch " + s.Position.LeaderEpoch.String()
	}
	if s.Position.Fence != "" {
		says += "   fence " + string(s.Position.Fence)
	}
	return says
}

// brought is what was asked for.
func (p *partition) brought(width int) (lines []line) {
	if p.fault != nil {
		lines = append(lines, nil)
		lines = append(lines, prose("choices", indent, "error["+p.fault.Code+"]: "+p.fault.Error(), width, screen.Red, true)...)
	}
	if r := p.repair; r != nil {
		if len(r.Options) > 0 {
			lines = append(lines, nil)
			lines = append(lines, tabled(options(*r), width)...)
		}
		for _, rec := range r.Records {
			lines = append(lines, nil)
			lines = append(lines, explained(rec.Lines(), width)...)
		}
		for _, s := range append(append([]string{}, r.Stuck...), r.Sink...) {
			lines = append(lines, prose("note", indent, s, width, 0, false)...)
		}
	}
	if p.asked != p.state() {
		lines = append(lines, nil, painted(screen.Yellow, "(it stands differently by now: ctrl-r asks again)"))
	}
	if len(p.moves) > 0 {
		lines = append(lines, nil)
		all := view.Moves{Clock: p.clock}
		for _, run := range p.moves {
			all.Moves = append(all.Moves, run.Move)
		}
		lines = append(lines, tabled(all.Table(), width)...)
	}
	return lines
}

// tabled is a table of an answer, as verbs print it.
func tabled(t screen.Table, width int) (lines []line) {
	var b strings.Builder
	t.Print(&b, width, screen.Plain)
	for one := range strings.SplitSeq(strings.TrimRight(b.String(), "\n"), "\n") {
		if strings.HasSuffix(one, "-o wide)") {
			one = strings.Replace(one, "; -o wide)", ")", 1)
		}
		lines = append(lines, plain(one))
	}
	return lines
}

// options is what can be done, without the columns that are the same in all rows: a page is about one partition.
func options(r view.Repair) screen.Table {
	t := r.Table()
	one := true
	for _, o := range r.Options {
		one = one && o.Topic == r.Options[0].Topic && o.Partition == r.Options[0].Partition
	}
	if one {
		t.Columns = t.Columns[2:]
		for i := range t.Rows {
			t.Rows[i].Cells = t.Rows[i].Cells[2:]
		}
	}
	t.Columns[len(t.Columns)-1].Cut = true
	return t
}

// explained is names with prose about them, as verbs print them.
func explained(list []view.Explained, width int) (lines []line) {
	most := indent
	for _, e := range list {
		most = max(most, min(wide(e.Name)+2, 24))
	}
	for _, e := range list {
		lines = append(lines, prose(e.Name, most, e.Text, width, 0, false)...)
	}
	return lines
}

// peek shows the record at the position, or the last one where all is read.
func (p *partition) peek(m *Model) tea.Cmd {
	b := p.s.Bounds
	if b == nil {
		m.fault(&fencepost.UserError{Code: watch.BrokersSilent, Err: fmt.Errorf("the brokers do not say what the log of %s has", p.tp)})
		return nil
	}
	at := max(b.Earliest, b.End-1)
	if p.s.Position != nil && p.s.Position.Offset >= b.Earliest && p.s.Position.Offset < b.End {
		at = p.s.Position.Offset
	}
	r := newRecords(p.source, p.tp, at)
	r.below = m.here() == page(p)
	return m.open(r, r.ask(m, at))
}

func (p *partition) press(m *Model, key string) (tea.Cmd, bool) {
	switch key {
	case "x":
		return p.peek(m), true
	case "l":
		moves := newMoves(p.source)
		moves.filter = p.tp.String()
		return m.open(moves, moves.ask(m)), true
	case "ctrl+r":
		return p.ask(m), true
	case "c":
		if p.repair == nil || len(p.repair.Options) == 0 {
			m.says = plain("nothing has to be chosen")
			return nil, true
		}
		return m.open(newChoices(p.source, p.tp, *p.repair), nil), true
	}
	if do, own := act(m, p.source, []view.Standing{p.s}, key); own {
		return do, true
	}
	return nil, p.scroll.press(key)
}

package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// Sheet is what a verb's answer is printed on for people: a terminal, or a page. Both have the same words.
type Sheet struct {
	Out   io.Writer
	Width int                 // of lines; 0: they are not wrapped
	Table int                 // of tables; 0: they are as wide as they are, and nothing is hidden
	Paint screen.Paint        // nil: plain
	Help  func(string) string // what help says, with FILE named; nil: as it is
}

// Plain is what an answer prints on a sheet without a width.
func Plain(print func(Sheet)) string {
	var b strings.Builder
	print(Sheet{Out: &b})
	return b.String()
}

func (s Sheet) paint(style screen.Style, says string) string {
	if s.Paint == nil {
		return says
	}
	return s.Paint(style, says)
}

func (s Sheet) help(says string) string {
	if s.Help != nil {
		says = s.Help(says)
	}
	return "  " + s.paint(screen.Dim, "help: "+says)
}

// labelled prints a line of a label and what it says, wrapped beside the label.
func (s Sheet) labelled(label, says string) {
	fmt.Fprintf(s.Out, "%-10s %s\n", label, screen.Wrap(says, 11, s.Width))
}

func (s Sheet) table(t screen.Table) { t.Print(s.Out, s.Table, s.paint) }

// Print prints what would be moved. sink is what the repeated records do in the sink; empty: nothing is known, or nothing is repeated.
func (p Plan) Print(s Sheet, sink string) {
	if len(p.Moves) == 0 {
		fmt.Fprintf(s.Out, "plan for %s: nothing to move, %s stand there already\n", p.Group, text.Plural(p.Stay, "partition"))
		p.printTarget(s)
		return
	}
	fmt.Fprintf(s.Out, "plan for %s: %s, %d stay. %s\n\n", p.Group, p.Summary(), p.Stay, p.Safety())
	s.table(p.Table())
	p.printTarget(s)
	if sink != "" {
		s.labelled("sink", sink)
	}
	if p.Left != (fencepost.Place{}) {
		s.labelled("server", fmt.Sprintf("an old primary: the group went on at timeline %d, where a replica was promoted. These moves say to go on here all the same", p.Left.Timeline))
	}
}

// printTarget prints the instant that a target names, and of which partitions no record is of then or later.
func (p Plan) printTarget(s Sheet) {
	if p.ToTime.IsZero() {
		return
	}
	at := p.Clock.Time(p.ToTime.Time) + " " + p.Clock.String()
	fmt.Fprintf(s.Out, "time       %s: each goes to its first record of then or later\n", at)
	if p.Past != "" {
		s.labelled("note", fmt.Sprintf("no record at or after %s in %s: the end is taken", at, p.Past))
	}
}

// mostRecords is how many records are printed; json has them all.
const mostRecords = 20

// Print prints what can be done about each partition.
func (r Repair) Print(s Sheet) {
	fmt.Fprintf(s.Out, "plan for %s: %s\n", r.Group, r.Summary())
	for _, stuck := range r.Stuck {
		fmt.Fprintf(s.Out, "%s; no move mends that\n", stuck)
	}
	if r.Ailing == 0 {
		return
	}
	fmt.Fprintln(s.Out)
	s.table(r.Table())
	for i, rec := range r.Records {
		if i == mostRecords {
			fmt.Fprintf(s.Out, "record     %d more: -o json\n", len(r.Records)-i)
			break
		}
		s.labelled("record", rec.Name()+"  "+rec.Line())
	}
	for _, stays := range r.Sink {
		fmt.Fprintf(s.Out, "sink       %s\n", stays)
	}
}

// Print prints letters as a list, without their records.
func (l Letters) Print(s Sheet) {
	head := fmt.Sprintf("group %s   times %s", l.Group, l.Clock)
	if len(l.Letters) == 0 {
		fmt.Fprintln(s.Out, head+"\nno dead letter")
		return
	}
	for _, c := range l.Codes {
		head += fmt.Sprintf("   %s %s", text.Count(c.Count), c.Code)
	}
	if l.Discarded > 0 {
		head += fmt.Sprintf("   %s discarded", text.Count(l.Discarded))
	}
	fmt.Fprint(s.Out, head+"\n\n")
	s.table(l.Table())
	if l.Executed && l.Command == "dead-letters discard" {
		fmt.Fprintln(s.Out, text.Plural(len(l.Letters), "dead letter")+" discarded")
	}
}

// mostFindings is how many lines of one subject are printed; json has them all.
const mostFindings = 50

// Print prints what was proven, and what was found.
func (a Audit) Print(s Sheet) {
	said, more := map[string]int{}, 0
	for _, one := range a.Findings {
		subject := one.Subject
		if said[one.Subject] > 0 {
			subject = ""
		}
		if said[one.Subject]++; said[one.Subject] > mostFindings {
			more++
			continue
		}
		one.print(s, subject)
	}
	if more > 0 {
		fmt.Fprintf(s.Out, "%d more: -o json\n", more)
	}
	if r := a.Rowsum; r != nil && r.Missing+r.Doubled+r.Foreign > 0 {
		fmt.Fprintf(s.Out, "rows         %s expected - %s missing + %s doubled + %s foreign = %s found\n", text.Count(r.Expected), text.Count(r.Missing),
			text.Count(r.Doubled), text.Count(r.Foreign), text.Count(r.Found))
	}
	says, help := a.Proof()
	if says += "."; help != "" {
		says += s.help(help)
	}
	fmt.Fprintln(s.Out, says)
}

// Proof is what was proven, in a sentence without its full stop, and where help is; empty: none is needed.
func (a Audit) Proof() (says, help string) {
	says = "Every record below the positions is in the sink exactly once"
	switch n := a.Faults; {
	case n > 0:
		says, help = text.Plural(n, "finding")+", nothing was changed", "fencepost help audit"
	case a.Rowsum == nil:
		says, help = "NOT PROVEN: the rows were not checked, the chain and the positions hold", "fencepost help audit"
	case a.Proven && a.Repeated:
		says = "Every record below the positions is in the sink, at most as often as commits cover it: positions were rewound"
	}
	if a.Proven && a.Uncovered > 0 {
		says += ", but for at most " + text.Count(a.Uncovered) + " that no commit covers"
		help = "fencepost moves FILE"
	}
	return says, help
}

func (f Finding) print(s Sheet, subject string) {
	mark, says := s.paint(screen.Red, "--"), screen.Printable(f.About()+string(f.Kind)+": "+f.Text)
	switch {
	case f.OK:
		mark, says = s.paint(screen.Green, "ok"), f.Text
	case !f.Checked:
		mark, says = s.paint(screen.Yellow, "--"), screen.Printable(f.About()+f.Text)
	}
	fmt.Fprintf(s.Out, "%-7s %s   %s\n", subject, mark, screen.Wrap(says, 13, s.Width))
}

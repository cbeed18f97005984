package dash

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// diff is the page of two ledgers side by side.
type diff struct {
	frame
	A, B    []option
	Answers []answer
	Rows    []diffRow
	Axis    axis
	Says    []notice
	Swap    string
	Command string
	None    string
}

// option is a ledger to choose.
type option struct {
	Value, Text string
	Chosen      bool
}

// diffRow is one partition.
type diffRow struct {
	Name                     link
	A, B, Apart              string
	VerdictA, VerdictB, Note string
	Bar                      bar
	Differs                  bool
}

func (d *Dashboard) diff(r request) (content, error) {
	page := &diff{frame: frame{Title: "Diff", Crumbs: []link{{Text: "diff", URL: "/diff", Here: true}}}}
	a, b := r.values.Get("a"), r.values.Get("b")
	var one, other *watcher
	for i, w := range d.watchers {
		name := string(w.Resources.Group)
		if a == "" && i == 0 {
			a = name
		}
		if b == "" && name != a {
			b = name
		}
	}
	one, other = d.byGroup[fencepost.Group(a)], d.byGroup[fencepost.Group(b)]
	for _, w := range d.watchers {
		name := string(w.Resources.Group)
		label := name + ": " + w.Resources.Where
		page.A, page.B = append(page.A, option{name, label, name == a}), append(page.B, option{name, label, name == b})
	}
	switch {
	case one == nil:
		return content{}, d.noGroup(a)
	case other == nil && b == "":
		page.None = "There is one pipeline here. fencepost ui A.yaml B.yaml shows two side by side."
		return content{nil, "diff", page}, nil
	case other == nil:
		return content{}, d.noGroup(b)
	}
	done, err := d.ask(r)
	if err != nil {
		return content{}, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), max(one.timeout, other.timeout))
	defer cancel()
	left, err := admin.Look(ctx, one.Resources)
	if err != nil {
		return content{}, one.named(err, brokersSilent)
	}
	right, err := admin.Look(ctx, other.Resources)
	if err != nil {
		return content{}, other.named(err, brokersSilent)
	}
	page.Swap = "/diff" + query("a", b, "b", a)
	page.Command = "fencepost offsets diff " + text.Shell(one.File) + " " + text.Shell(other.File)
	if left.About.ClusterID != right.About.ClusterID {
		page.None = "A and B are of two clusters, whose offsets do not compare."
		return content{nil, "diff", page}, nil
	}
	found, err := admin.Diff(left, right, admin.Selection{})
	if err != nil {
		return content{}, one.named(err, ledgerSilent)
	}
	answer := view.NewDifference(found, one.Resources.Where+" group "+a, other.Resources.Where+" group "+b, left, right)
	page.fill(answer, left, right, one)
	return content{answer, "diff", page}, nil
}

// fill lays a difference out.
func (page *diff) fill(d view.Difference, left, right admin.View, one *watcher) {
	sum, smallest := int64(0), int64(-1)
	pa := view.NewPositions(left, "", "")
	page.Axis = newAxis(pa.Positions, false)
	of := map[fencepost.TopicPartition]view.Standing{}
	for _, s := range pa.Positions {
		of[fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}] = s
	}
	for _, l := range d.Partitions {
		tp := fencepost.TopicPartition{Topic: l.Topic, Partition: l.Partition}
		r := diffRow{Name: link{Text: tp.String(), URL: partitionURL(one.Resources.Group, tp)}, A: "absent", B: "absent", Apart: "-", VerdictA: "-", VerdictB: "-"}
		if l.A != nil {
			r.A, r.VerdictA = text.Count(l.A.Offset), known(l.A.Verdict)
		}
		if l.B != nil {
			r.B, r.VerdictB = text.Count(l.B.Offset), known(l.B.Verdict)
		}
		switch {
		case l.A == nil:
			r.Note = "only in B"
		case l.B == nil:
			r.Note = "only in A"
		case l.AMinusB != nil:
			n := *l.AMinusB
			r.Apart, r.Differs = text.Count(n), n != 0
			if n > 0 {
				r.Apart = "+" + r.Apart
			}
			sum += n
			if size := max(n, -n); n != 0 && (smallest < 0 || size < smallest) {
				smallest = size
			}
		}
		if s, ok := of[tp]; ok {
			r.Bar = page.Axis.newBar(s, nil)
			if l.B != nil && s.Bounds != nil && l.B.Offset <= s.Bounds.End {
				r.Bar.Marks = append(r.Bar.Marks, stretch{Class: "f-violet", X: page.Axis.at(float64(s.Bounds.End - l.B.Offset)), Y: "3", W: "2", H: "20", Title: "position in B: " + r.B})
			}
		}
		page.Rows = append(page.Rows, r)
	}
	apart := answer{Question: "A - B", Says: "0", More: "offsets"}
	if sum != 0 {
		apart.Says = text.Count(sum)
		if sum > 0 {
			apart.Says = "+" + apart.Says
		}
	}
	if smallest > 0 {
		apart.More = "offsets; the smallest " + text.Count(smallest)
	}
	page.Answers = []answer{
		{Question: "A", Says: string(left.Group), More: d.A}, {Question: "B", Says: string(right.Group), More: d.B},
		{Question: "Equal", Says: fmt.Sprintf("%d of %d", d.Equal, len(d.Partitions)), More: fmt.Sprintf("%d apart, %d only in A, %d only in B", d.Apart, d.OnlyA, d.OnlyB)},
		apart, {Question: "Read", Says: text.ClockAt(left.At).TimeOfDay(left.At), More: "A, then B at " + text.ClockAt(right.At).TimeOfDay(right.At)}}
	for _, n := range append(d.ANotes, d.BNotes...) {
		page.Says = append(page.Says, notice{Text: printable(n)})
	}
}

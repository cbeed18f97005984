package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var auditManual = manual{
	what: "Prove the chain of moves, the positions, and the sink's rows where they name their records.",
	examples: []example{
		{"fencepost audit trips.yaml", "exit 0: every record that commits cover is in the sink once"},
		{"fencepost audit trips.yaml -o json", "for programs"},
	},
	usage: "fencepost audit FILE|URL",
	notes: []string{
		"-o table|wide|json|yaml|csv",
		"hole  or overlap, fence: a move does not begin where the last one ended",
		"changed  an entry is not where its moves lead: something else wrote it",
		"verdict  the brokers contradict a position: offsets repair",
		"parked  or waiting, retrying: a partition stands still, a worker says why",
		"missing  a record that a commit covers has no row",
		"doubled  a record has more rows than commits cover it",
		"foreign  a row of no record that a commit covers",
		"not checked  rows that do not name their records: exit 3. The tables of",
		"  fencepost ddl do, and sql by audit:. Not with a key",
	},
	exit:   "0 proven   1 error   2 usage   3 findings, or rows not checked",
	see:    "moves, offsets show",
	tables: true,
}

func (a *app) auditVerb() *cobra.Command {
	var url targetFlags
	cmd := &cobra.Command{Use: "audit", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			return target.Use(cmd.Context(), args[0], a.targets(target.Ledger, url), func(ctx context.Context, t *target.Target) error {
				found, err := admin.Prove(ctx, t.Resources, t.AuditOptions())
				if err != nil {
					return err
				}
				answer := view.NewAudit(found, t.Group)
				return a.answer(answer, func() { a.printAudit(answer, t) })
			})
		}}
	cmd.Flags().StringVar(&url.brokers, "brokers", "", brokersUse)
	return cmd
}

// mostFindings is how many lines of one subject are printed; json has them all.
const mostFindings = 50

func (a *app) printAudit(found view.Audit, at *target.Target) {
	t := a.terminal(a.stdout)
	said, more := map[string]int{}, 0
	for _, one := range found.Findings {
		subject := one.Subject
		if said[one.Subject] > 0 {
			subject = ""
		}
		if said[one.Subject]++; said[one.Subject] > mostFindings {
			more++
			continue
		}
		a.printFinding(one, subject, t)
	}
	if more > 0 {
		fmt.Fprintf(a.stdout, "%d more: -o json\n", more)
	}
	if r := found.Rowsum; r != nil && r.Missing+r.Doubled+r.Foreign > 0 {
		fmt.Fprintf(a.stdout, "rows         %s expected - %s missing + %s doubled + %s foreign = %s found\n", text.Count(r.Expected), text.Count(r.Missing),
			text.Count(r.Doubled), text.Count(r.Foreign), text.Count(r.Found))
	}
	a.printProof(found, at)
}

// printProof is the last line: what was proven.
func (a *app) printProof(found view.Audit, at *target.Target) {
	says, help := "Every record below the positions is in the sink exactly once", ""
	switch n := found.Faults; {
	case n > 0:
		says, help = text.Plural(n, "finding")+", nothing was changed", "fencepost help audit"
	case found.Rowsum == nil:
		says, help = "NOT PROVEN: the rows were not checked, the chain and the positions hold", "fencepost help audit"
	case found.Proven && found.Repeated:
		says = "Every record below the positions is in the sink, at most as often as commits cover it: positions were rewound"
	}
	if found.Proven && found.Uncovered > 0 {
		says += ", but for at most " + text.Count(found.Uncovered) + " that no commit covers"
		help = at.Remedy("fencepost moves FILE")
	}
	says += "."
	if help != "" {
		says += "  " + a.terminal(a.stdout).Paint(screen.Dim, "help: "+a.as(help))
	}
	fmt.Fprintln(a.stdout, says)
}

func (a *app) printFinding(one view.Finding, subject string, t terminal) {
	mark, says := t.Paint(screen.Red, "--"), screen.Printable(one.About()+string(one.Kind)+": "+one.Text)
	switch {
	case one.OK:
		mark, says = t.Paint(screen.Green, "ok"), one.Text
	case !one.Checked:
		mark, says = t.Paint(screen.Yellow, "--"), screen.Printable(one.About()+one.Text)
	}
	fmt.Fprintf(a.stdout, "%-7s %s   %s\n", subject, mark, screen.Wrap(says, 13, t.Width))
}

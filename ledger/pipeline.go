package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
)

// Pipeline is what a group does with a record, as the worker has it that began last. A group does one thing: two workers
// that do not do the same split its records between two places, and both count each of them once.
type Pipeline struct {
	Parts []Part    // in the order in which people read them; none: it is not known
	Who   string    // the worker
	Since time.Time // when it began, by its clock
}

// Part is one thing that a pipeline does.
type Part struct {
	Name  string // topics, table, statement, column delay
	Text  string // flights, int missing: null
	Place bool   // it says where records go
}

// Difference is one thing that two pipelines do not do alike.
type Difference struct {
	Name    string
	Was, Is string // empty: it is not there
	Place   bool
}

// mostShown is the longest text that a Difference prints: a statement is no part of a sentence.
const mostShown = 60

// String is `table h1b instead of h1`, `column x added`, `statement changed`.
func (d Difference) String() string {
	switch {
	case d.Was == "":
		return d.Name + " added"
	case d.Is == "":
		return d.Name + " left out"
	case len(d.Was) > mostShown || len(d.Is) > mostShown || strings.Contains(d.Was+d.Is, "\n"):
		return d.Name + " changed"
	}
	return fmt.Sprintf("%s %s instead of %s", d.Name, d.Is, d.Was)
}

// Differences is what is does otherwise than was; nil also where was is not known.
func Differences(was, is Pipeline) (all []Difference) {
	if len(was.Parts) == 0 {
		return nil
	}
	named := func(p Pipeline, name string) Part {
		if i := slices.IndexFunc(p.Parts, func(q Part) bool { return q.Name == name }); i >= 0 {
			return p.Parts[i]
		}
		return Part{}
	}
	for _, now := range is.Parts {
		if before := named(was, now.Name); before.Text != now.Text || before.Name == "" {
			all = append(all, Difference{now.Name, before.Text, now.Text, now.Place})
		}
	}
	for _, before := range was.Parts {
		if named(is, before.Name).Name == "" {
			all = append(all, Difference{before.Name, before.Text, "", before.Place})
		}
	}
	return all
}

// Admit decides whether a worker may begin with is where the group did was last, and live others are at work that may do
// so still. changed: a person says that the change is meant.
//
//	others are live    places differ    another difference
//	yes                refused          refused: both would be at work
//	no                 refused          taken, and said
//	changed            taken, and said  taken, and said
//
// live comes from Kafka's group, which does not say what its members do.
func Admit(was, is Pipeline, live int, changed bool) (all []Difference, refused bool) {
	all = Differences(was, is)
	place := slices.ContainsFunc(all, func(d Difference) bool { return d.Place })
	return all, !changed && (place || live > 0 && len(all) > 0)
}

// pipelineSubject is that of a Pipeline among the reports. No partition is named so.
const pipelineSubject = "pipeline"

func (p Pipeline) text() string {
	f := fields{{"who", p.Who}, {"since", p.Since.UTC().Format(time.RFC3339Nano)}}
	for _, part := range p.Parts {
		name := "part"
		if part.Place {
			name = "place"
		}
		f = append(f, [2]string{name, strconv.Quote(part.Name) + part.Text})
	}
	return f.text()
}

// parsePipeline reads what text made.
func parsePipeline(text string) (p Pipeline, err error) {
	f, err := parseFields(text)
	if err != nil || len(f) == 0 {
		return p, err
	}
	p.Who = f.get("who")
	if p.Since, err = time.Parse(time.RFC3339Nano, f.get("since")); err != nil {
		return Pipeline{}, err
	}
	for _, pair := range f {
		if pair[0] != "part" && pair[0] != "place" {
			continue
		}
		quoted, err := strconv.QuotedPrefix(pair[1])
		if err != nil {
			return Pipeline{}, fmt.Errorf("part %q has no name", pair[1])
		}
		name, _ := strconv.Unquote(quoted) // QuotedPrefix says that it can be
		p.Parts = append(p.Parts, Part{name, pair[1][len(quoted):], pair[0] == "place"})
	}
	return p, nil
}

// WritePipeline replaces what the group does.
//
// Errors: those of Reports.PutReports.
func WritePipeline(ctx context.Context, l Ledger, g fencepost.Group, p Pipeline) error {
	return writeTexts(ctx, l, g, map[string]string{pipelineSubject: p.text()})
}

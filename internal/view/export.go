package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/foreign/offsetfile"
	"github.com/fencepost/fencepost/internal/text"
)

// forms are the names of what Write writes.
func forms() (names []string) {
	for _, f := range offsetfile.Forms() {
		if f.Writes() {
			names = append(names, f.Name)
		}
	}
	return names
}

// CheckForm refuses a name that Write does not take.
//
// Errors: *fencepost.UserError usage.
func CheckForm(form string) error {
	for _, name := range forms() {
		if name == form {
			return nil
		}
	}
	help := "one of " + strings.Join(forms(), "  ")
	if near := text.Nearest(form, forms()); near != "" {
		help = "--format " + near
	}
	return codes.Usage(help, "%s is no form of offsets", form)
}

// FormNotes are what the reader of a form would refuse of these positions.
func FormNotes(form string, e admin.Exported) []string {
	switch {
	case form != "spark":
		return nil
	case len(e.Absent) > 0:
		return []string{fmt.Sprintf("Spark refuses startingOffsets that leave out a partition of a topic: %s are not in it, %s first. Give each an offset, -2 for earliest or -1 for latest",
			text.Plural(len(e.Absent), "partition"), e.Absent[0])}
	case e.Foreign:
		return []string{"Spark refuses startingOffsets that leave out a partition of a topic, and no broker was asked how many there are"}
	}
	return nil
}

// Write writes positions in a form.
//
// Errors: *fencepost.UserError usage; those of w.
func Write(w io.Writer, form string, e admin.Exported) error {
	if err := CheckForm(form); err != nil {
		return err
	}
	var entries []foreign.Entry
	for _, at := range e.Positions {
		own := at.Position
		own.Fence = 0
		entries = append(entries, foreign.Entry{TopicPartition: at.TopicPartition, From: foreign.NoFrom, Until: at.Offset, Own: own})
	}
	return offsetfile.Write(w, form, e.Group, entries...)
}

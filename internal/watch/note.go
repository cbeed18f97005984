package watch

import (
	"fmt"
	"time"

	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// Grade is how bad a note is.
type Grade uint8

// The grades.
const (
	Plain Grade = iota
	Amber       // part of what is shown is not known
	Red         // what is shown may be wrong, or a person is needed
)

// Note is what is wrong with what is known of a pipeline.
type Note struct {
	Grade      Grade
	Code, Text string // Code may be empty
	Help       string
}

// Notes is what is wrong with what is known of a pipeline.
func (w *Watcher) Notes(m *Moment) (list []Note) {
	clock := text.ClockAt(time.Now())
	since := func(t *Trouble) string {
		return fmt.Sprintf("since %s (%s)", clock.TimeOfDay(t.Since), view.Age(time.Since(t.Since)))
	}
	switch {
	case m == nil:
		return []Note{{Text: "Asked just now: neither ledger nor brokers have answered yet."}}
	case m.Ledger != nil && m.Ledger.Fault.Code == "ledger-missing" && !m.Known():
		list = append(list, Note{Code: m.Ledger.Fault.Code, Text: m.Ledger.Fault.Error() + ". fencepost run " + text.Shell(w.File) + " makes it, and starts every partition."})
	case m.Ledger != nil:
		says := m.Ledger.Fault.Error() + ", " + since(m.Ledger) + "."
		if m.Known() {
			says += " All of this page is of " + clock.TimeOfDay(m.Positions.Time.Time) + ", and may be wrong by now."
		}
		list = append(list, Note{Red, m.Ledger.Fault.Code, says, m.Ledger.Fault.Help})
	case m.Brokers != nil:
		list = append(list, Note{Amber, m.Brokers.Fault.Code, m.Brokers.Fault.Error() + ", " + since(m.Brokers) +
			". Positions are the ledger's, and current; lag, end and verdict are unknown.", m.Brokers.Fault.Help})
	case m.Asking:
		list = append(list, Note{Text: "The ledger has answered; the brokers were asked just now. Offsets stand here already, lag follows."})
	}
	if !m.Known() {
		return list
	}
	p := m.Positions
	if p.Refused != nil {
		list = append(list, Note{Grade: Red, Code: p.Refused.Code, Text: "no worker can commit, nor report why: " + p.Refused.Reason})
	}
	if p.Lost {
		list = append(list, Note{Grade: Red, Code: "ledger-empty", Text: fmt.Sprintf("the ledger is empty, but the group has run: Kafka holds %d offsets of it; restore it", p.Mirrored)})
	}
	return list
}

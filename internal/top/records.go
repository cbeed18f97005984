package top

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// records is one record of a partition, and the keys to its neighbours.
type records struct {
	scroll
	source *source
	tp     fencepost.TopicPartition
	at     fencepost.Offset // asked for
	below  bool             // the page of the partition is behind it
	record *view.Record     // nil: it has not come yet
	fault  *fencepost.UserError
}

func newRecords(s *source, tp fencepost.TopicPartition, at fencepost.Offset) *records {
	return &records{source: s, tp: tp, at: at}
}

func (p *records) crumb() string {
	if p.below {
		return "record " + text.Count(p.at)
	}
	return fmt.Sprintf("%s at %s", p.tp, text.Count(p.at))
}

func (p *records) of() *source { return p.source }

func (p *records) keys(*Model) string {
	return "n next  p previous  : command  esc back  ? help  q leave"
}

func (p *records) answer(*Model) string {
	switch {
	case p.fault != nil:
		return "error[" + p.fault.Code + "]"
	case p.record == nil:
		return "reading the record"
	}
	clock := text.ClockAt(time.Now())
	return "record " + text.Count(p.record.Offset) + " of " + p.tp.String() + "   written " + clock.Time(p.record.Timestamp.Time) + " " + clock.String()
}

func (p *records) refresh(*Model) {}

// behind is how many offsets before a record its predecessor is looked for: markers and compacted ones have none.
const behind = 200

// ask reads the first record at or behind an offset.
func (p *records) ask(m *Model, at fencepost.Offset) tea.Cmd {
	return p.read(m, at, 1, func(all []admin.Peeked) (admin.Peeked, bool) { return all[0], true })
}

// before reads the last record before an offset.
func (p *records) before(m *Model, at fencepost.Offset) tea.Cmd {
	from := max(0, at-behind)
	if s, ok := p.source.moment.Standing(p.tp); ok && s.Bounds != nil {
		from = max(from, s.Bounds.Earliest)
	}
	return p.read(m, from, behind, func(all []admin.Peeked) (last admin.Peeked, ok bool) {
		for _, one := range all {
			if one.Offset < at {
				last, ok = one, true
			}
		}
		return last, ok
	})
}

func (p *records) read(m *Model, from fencepost.Offset, n int, pick func([]admin.Peeked) (admin.Peeked, bool)) tea.Cmd {
	return m.ask(func(ctx context.Context) took {
		all, err := admin.Peek(ctx, p.source.Resources, p.tp, from, n)
		return func(m *Model) {
			if err != nil {
				if fault := p.source.Named(err, watch.BrokersSilent); p.record == nil {
					p.fault = fault
				} else {
					m.fault(fault)
				}
				return
			}
			one, ok := pick(all)
			if !ok {
				m.says = plain("no record before this one in " + text.Count(behind) + " offsets")
				return
			}
			answer := view.NewPeek([]admin.Peeked{one})
			p.record, p.fault, p.at, p.top = &answer.Records[0], nil, one.Offset, 0
		}
	})
}

func (p *records) draw(_ *Model, width, height int) []line {
	switch {
	case p.fault != nil:
		return prose("error", indent, p.fault.Error()+"; "+p.fault.Help, width, screen.Red, true)
	case p.record == nil:
		return nil
	}
	return p.seen(explained(p.record.Lines(), width), height)
}

func (p *records) press(m *Model, key string) (tea.Cmd, bool) {
	switch key {
	case "n", "right":
		if p.record != nil {
			return p.ask(m, p.record.Offset+1), true
		}
		return nil, true
	case "p", "left":
		if p.record != nil {
			return p.before(m, p.record.Offset), true
		}
		return nil, true
	}
	return nil, p.scroll.press(key)
}

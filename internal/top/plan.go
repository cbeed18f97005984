package top

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/watch"
)

// proposal is what would be done, and how.
type proposal struct {
	head    string // plan for trips: skip 1 partition, 11 stay
	draw    func(width int) []line
	beside  string // whom it may be carried out beside; may be empty
	sink    string // what that does in the sink; may be empty
	verb    string // skip 1 record
	nothing string // why there is nothing to execute; empty: there is something
	command func(why string) string
	whyless bool // no reason is kept with it
	// execute does it, and says what was done, a line each.
	execute func(ctx context.Context, why string) ([]string, error)
}

// plan is the page of a proposal: it is executed by e, TAB, ENTER, and left by anything else.
type plan struct {
	scroll
	source *source
	what   string
	ready  *proposal
	fault  *fencepost.UserError
	why    string
	stage  stage
	did    []string
}

// stage is how far a plan is.
type stage uint8

// The stages, one behind the other.
const (
	shown  stage = iota
	asked        // e was pressed: leaving is what ENTER does
	chosen       // and TAB: ENTER executes
	doing        // ENTER was pressed, and there is no answer yet
	done
)

// newPlan opens the page of a plan, which make makes.
func newPlan(m *Model, s *source, what string, make func(context.Context) (*proposal, error)) tea.Cmd {
	p := &plan{source: s, what: what}
	return m.open(p, m.ask(func(ctx context.Context) took {
		ready, err := make(ctx)
		return func(*Model) {
			if p.ready = ready; err != nil {
				p.fault = s.Named(err, watch.BrokersSilent)
			}
		}
	}))
}

func (p *plan) crumb() string { return p.what }

func (p *plan) of() *source { return p.source }

func (p *plan) refresh(*Model) {}

func (p *plan) answer(*Model) string {
	switch {
	case p.stage == doing:
		return "executing: what it does is done or not done as a whole"
	case p.stage == done && p.fault == nil:
		return "done, and read back"
	case p.fault != nil:
		return "error[" + p.fault.Code + "]"
	case p.ready == nil:
		return "making the plan"
	}
	return p.ready.head
}

func (p *plan) keys(m *Model) string {
	switch {
	case p.stage == asked || p.stage == chosen:
		return "TAB other  ENTER take  anything else leaves it"
	case p.stage == shown && p.ready != nil && p.ready.nothing == "" && p.fault == nil:
		why := "  y why"
		if p.ready.whyless {
			why = ""
		}
		if !m.cfg.AllowChanges {
			return "esc back" + why + "  ? help   (e execute: start fencepost top with --allow-changes)"
		}
		return "e execute" + why + "  esc back  ? help"
	}
	return "esc back  ? help"
}

func (p *plan) draw(_ *Model, width, height int) (lines []line) {
	if p.ready != nil {
		lines = append(lines, p.ready.draw(width)...)
		lines = append(lines, nil)
		if p.ready.beside != "" {
			lines = append(lines, prose("workers", indent, p.ready.beside, width, 0, false)...)
		}
		if p.ready.sink != "" {
			lines = append(lines, prose("sink", indent, p.ready.sink, width, 0, false)...)
		}
		if !p.ready.whyless {
			lines = append(lines, prose("why", indent, p.why, width, 0, false)...)
		}
		lines = append(lines, prose("who", indent, p.source.Resources.Who, width, 0, false)...)
		lines = append(lines, nil)
	}
	switch {
	case p.fault != nil:
		lines = append(lines, prose("error", indent, "["+p.fault.Code+"] "+p.fault.Error(), width, screen.Red, true)...)
		if p.fault.Help != "" {
			lines = append(lines, prose("help", indent, p.fault.Help, width, 0, false)...)
		}
	case p.stage == done:
		for _, one := range p.did {
			lines = append(lines, plain(one))
		}
	case p.ready != nil && p.ready.nothing != "":
		lines = append(lines, plainly(p.ready.nothing, width)...)
	case p.ready != nil:
		lines = append(lines, plain("Nothing was changed."), nil, plain("The same on the command line:"))
		lines = append(lines, command(p.ready.command(p.why), width)...)
	}
	if p.stage == asked || p.stage == chosen {
		leave, take := span{"[Leave it]", screen.Bold, p.stage == asked}, span{"[Execute: " + p.ready.verb + "]", screen.Red, p.stage == chosen}
		if p.stage == asked {
			leave.text = "> " + leave.text
			take.text = "  " + take.text
		} else {
			leave.text = "  " + leave.text
			take.text = "> " + take.text
		}
		lines = append(lines, nil, line{leave, {text: "   "}, take})
		p.top = len(lines)
	}
	return p.seen(lines, height)
}

func (p *plan) press(m *Model, key string) (tea.Cmd, bool) {
	switch p.stage {
	case asked, chosen:
		return p.confirm(m, key), true
	case doing:
		return nil, key != "?" // it cannot be taken back, and its end is worth to be seen
	case shown, done:
	}
	able := p.stage == shown && p.ready != nil && p.ready.nothing == "" && p.fault == nil
	switch key {
	case "e":
		switch {
		case !able:
			m.says = plain("there is nothing to execute")
		case !m.cfg.AllowChanges:
			m.says = line{{"not allowed", screen.Red, true}, {text: ": start fencepost top with --allow-changes, or take the command above"}}
		default:
			p.stage = asked
		}
		return nil, true
	case "y":
		if able && !p.ready.whyless {
			before := p.why
			m.prompt = &prompt{head: "why: ", text: p.why, keys: "kept with each move, beside time and who  enter keep  esc take back",
				change: func(_ *Model, s string) { p.why = s }, enter: func(_ *Model, s string) tea.Cmd { p.why = s; return nil }, leave: func(*Model) { p.why = before }}
		}
		return nil, true
	}
	return nil, p.scroll.press(key)
}

// confirm is a key between e and the end: TAB goes to the other choice, ENTER takes it, all else leaves.
func (p *plan) confirm(m *Model, key string) tea.Cmd {
	switch {
	case key == "tab":
		p.stage = map[stage]stage{asked: chosen, chosen: asked}[p.stage]
		return nil
	case key == "enter" && p.stage == chosen:
		p.stage = doing
		ready, why := p.ready, p.why
		return m.act(func(ctx context.Context) took {
			did, err := ready.execute(ctx, why)
			return func(m *Model) {
				p.stage, p.did = done, did
				m.unmark() // what was marked is done; a second plan has marks of its own
				if err != nil {
					p.fault = p.source.Named(err, watch.LedgerSilent)
				}
				p.source.Hurry()
			}
		})
	}
	p.stage = shown
	m.says = plain("left: nothing was changed")
	return nil
}

// quoted is a flag with a text behind it; empty where there is none.
func quoted(flag, value string) string {
	if value == "" {
		return ""
	}
	return " " + flag + " " + text.Shell(value)
}

// topicFlags names partitions for the command line: --topic trips:0,2-4.
func topicFlags(tps []fencepost.TopicPartition) string {
	var b strings.Builder
	for _, one := range text.Spans(len(tps), func(i int) (string, int32) { return tps[i].Topic, tps[i].Partition }) {
		fmt.Fprintf(&b, " --topic %s", text.Shell(one))
	}
	return b.String()
}

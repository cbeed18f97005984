package top

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
)

// prompt is a line that is typed.
type prompt struct {
	head, text, keys string
	change           func(m *Model, text string)         // at each key; nil: nothing happens yet
	enter            func(m *Model, text string) tea.Cmd // it is done
	leave            func(m *Model)                      // esc; nil: nothing is taken back
	offers           func(m *Model, text string) []offer // what tab completes to; nil: nothing
}

// offer is a whole line that tab completes to, and what it is.
type offer struct{ text, what string }

// mostOffers is how many are seen.
const mostOffers = 8

// press is a key while a line is typed.
func (p *prompt) press(m *Model, key, typed string) tea.Cmd {
	switch key {
	case "esc":
		m.prompt = nil
		if p.leave != nil {
			p.leave(m)
		}
	case "enter":
		m.prompt = nil
		return p.enter(m, strings.TrimSpace(p.text))
	case "tab":
		p.complete(m)
	case "backspace":
		if p.text == "" {
			return p.press(m, "esc", "")
		}
		r := []rune(p.text)
		p.put(m, string(r[:len(r)-1]))
	case "ctrl+u":
		p.put(m, "")
	case "ctrl+w":
		cut := strings.TrimRight(p.text, " ")
		p.put(m, cut[:strings.LastIndexByte(cut, ' ')+1])
	default:
		if typed != "" {
			p.typed(m, clean(typed))
		}
	}
	return nil
}

func (p *prompt) typed(m *Model, s string) { p.put(m, p.text+s) }

func (p *prompt) put(m *Model, s string) {
	p.text = s
	if p.change != nil {
		p.change(m, s)
	}
}

// complete takes the longest beginning that all offers share.
func (p *prompt) complete(m *Model) {
	if p.offers == nil {
		return
	}
	all := p.offers(m, p.text)
	if len(all) == 0 {
		return
	}
	common := all[0].text
	for _, o := range all[1:] {
		for !strings.HasPrefix(o.text, common) {
			common = common[:len(common)-1]
		}
	}
	if len(all) == 1 && all[0].what != "" && !strings.HasSuffix(common, " ") && strings.HasSuffix(all[0].what, "...") {
		common += " "
	}
	if len(common) > len(p.text) {
		p.put(m, common)
	}
}

// offers are the lines above the command line.
func (m *Model) offers() (lines []line) {
	if m.prompt == nil || m.prompt.offers == nil {
		return nil
	}
	all := m.prompt.offers(m, m.prompt.text)
	for i, o := range all {
		if i == mostOffers {
			lines = append(lines, plain(fmt.Sprintf("  %d more", len(all)-i)))
			break
		}
		lines = append(lines, plain("  "+pad(o.text, 22, false)+" "+o.what))
	}
	return lines
}

// commands are the words behind a colon.
var commands = []offer{
	{"pipelines", "all of them"}, {"partitions", "of GROUP ..."}, {"moves", "the history of GROUP ..."}, {"letters", "dead letters of GROUP ..."},
	{"peek", "records at TOPIC:PARTITION:OFFSET ..."}, {"diff", "of this pipeline and GROUP ..."}, {"help", "keys"}, {"q", "leave"},
}

// commandPrompt is the command line.
func commandPrompt() *prompt {
	return &prompt{head: ":", keys: "tab complete  enter go  esc leave", enter: (*Model).run, offers: commandOffers}
}

// commandOffers are the commands that begin so, or the groups behind one.
func commandOffers(m *Model, typed string) (list []offer) {
	word, rest, more := strings.Cut(typed, " ")
	if !more {
		for _, c := range commands {
			if strings.HasPrefix(c.text, word) {
				list = append(list, c)
			}
		}
		return list
	}
	var names []string
	switch word {
	case "partitions", "moves", "letters", "diff":
		for _, s := range m.sources {
			names = append(names, s.group())
		}
	case "peek":
		if s := m.about(); s.moment.Known() {
			for _, one := range s.moment.Positions.Positions {
				if one.Position != nil {
					names = append(names, fmt.Sprintf("%s:%d", one.Name(), one.Position.Offset))
				}
			}
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, rest) {
			list = append(list, offer{text: word + " " + name})
		}
	}
	return list
}

// run carries a command out.
func (m *Model) run(typed string) tea.Cmd {
	word, rest, _ := strings.Cut(typed, " ")
	rest = strings.TrimSpace(rest)
	if word == "" {
		return nil
	}
	var names []string
	for _, c := range commands {
		if c.text == word || strings.HasPrefix(c.text, word) && len(word) > 1 {
			names = append(names, c.text)
		}
	}
	if len(names) != 1 && !slices.Contains(names, word) {
		help := ":help lists what there is"
		if near := text.Nearest(word, []string{"pipelines", "partitions", "moves", "letters", "peek", "diff", "help"}); near != "" {
			help = "perhaps :" + near
		}
		m.fault(&fencepost.UserError{Code: "usage", Err: fmt.Errorf("there is no command :%s", word), Help: help})
		return nil
	}
	if slices.Contains(names, word) {
		names[0] = word
	}
	about := m.about()
	if rest != "" && names[0] != "peek" && names[0] != "diff" {
		if about = m.source(rest); about == nil {
			m.noGroup(rest)
			return nil
		}
	}
	return m.goTo(names[0], rest, about)
}

// goTo shows the page of a command.
func (m *Model) goTo(command, rest string, about *source) tea.Cmd {
	switch command {
	case "q":
		m.quitting = true
		return tea.Quit
	case "help":
		return m.open(&help{}, nil)
	case "peek":
		at, ok := admin.ParsePlace(rest)
		if !ok {
			m.fault(&fencepost.UserError{Code: "usage", Err: fmt.Errorf(":peek %s is not TOPIC:PARTITION:OFFSET", rest), Help: ":peek trips:7:331008"})
			return nil
		}
		p := newRecords(about, at.TopicPartition, at.Offset)
		return m.open(p, p.ask(m, at.Offset))
	case "diff":
		other := m.source(rest)
		if other == nil && rest == "" && len(m.sources) == 2 {
			other = m.sources[0]
			if other == about {
				other = m.sources[1]
			}
		}
		if other == nil {
			m.noGroup(rest)
			return nil
		}
		m.pages = m.pages[:1]
		return m.open(newDiff(about, other), nil)
	}
	m.pages = m.pages[:1]
	m.here().refresh(m)
	switch command {
	case "partitions":
		return m.open(newPartitions(about), nil)
	case "moves":
		p := newMoves(about)
		m.pages = append(m.pages, newPartitions(about))
		return m.open(p, p.ask(m))
	case "letters":
		p := newLetters(about)
		m.pages = append(m.pages, newPartitions(about))
		return m.open(p, p.ask(m))
	}
	return nil
}

// noGroup says which groups there are.
func (m *Model) noGroup(name string) {
	var names []string
	for _, s := range m.sources {
		names = append(names, s.group())
	}
	says := "no group " + name + " is shown here"
	if name == "" {
		says = "name the other group"
	}
	m.fault(&fencepost.UserError{Code: "usage", Err: fmt.Errorf("%s; there are %s", says, text.List(names)), Help: "fencepost top FILE FILE shows more"})
}

// filterPrompt is the filter of a list.
func filterPrompt(filter *string) *prompt {
	before := *filter
	apply := func(m *Model, s string) { *filter = s; m.here().refresh(m) }
	return &prompt{head: "/", keys: "enter keep  esc take back  !TEXT all but it  -f TEXT fuzzy", change: apply,
		enter: func(m *Model, s string) tea.Cmd { apply(m, s); return nil }, leave: func(m *Model) { apply(m, before) }}
}

package top

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/watch"
)

// Config is what the screens are about.
type Config struct {
	Pipelines    []watch.Pipeline
	Timeout      time.Duration // how long ledger and brokers may take to answer; 0: 10 s
	Paint        screen.Paint
	ASCII        bool // bars without block characters
	AllowChanges bool // plans can be executed

	now func() time.Time // nil: time.Now
}

// source is one pipeline with its reader, and the moment that is shown.
type source struct {
	*watch.Watcher
	moment *watch.Moment
}

func (s *source) group() string { return string(s.Resources.Group) }

// page is one screen.
type page interface {
	crumb() string                              // its name in the first line; empty: it is the first one
	answer(m *Model) string                     // the second line
	refresh(m *Model)                           // newer moments have come
	draw(m *Model, width, height int) []line    // between the second line and the last two
	keys(m *Model) string                       // the last line, keys apart by two spaces
	press(m *Model, key string) (tea.Cmd, bool) // false: it is no key of the page's
}

// The least size of a screen.
const (
	leastWidth  = 80
	leastHeight = 24
)

// Model is the screens and where the person is.
type Model struct {
	cfg     Config
	sources []*source
	any     *watch.Signal
	ask     func(work func(context.Context) took) tea.Cmd // a question, which ends in time
	act     func(work func(context.Context) took) tea.Cmd // a change, which ends when it has ended
	ink     ink

	changing sync.WaitGroup // changes that have begun and not ended

	pages         []page // the last one is seen
	prompt        *prompt
	says          line // a status, until the next key
	width, height int
	quitting      bool
}

// took is what a question brought; it is taken in by the model's goroutine.
type took func(*Model)

// news says that a second is over, or that there is a newer moment.
type news struct{}

// newModel makes the model; ctx is that of its questions.
func newModel(ctx context.Context, cfg Config) *Model {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	m := &Model{cfg: cfg, any: watch.NewSignal(), ink: blocks, width: leastWidth, height: leastHeight}
	if cfg.ASCII {
		m.ink = ascii
	}
	m.ask = func(work func(context.Context) took) tea.Cmd {
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
			defer cancel()
			return work(ctx)
		}
	}
	m.act = func(work func(context.Context) took) tea.Cmd {
		return func() tea.Msg {
			m.changing.Add(1)
			defer m.changing.Done()
			return work(context.WithoutCancel(ctx))
		}
	}
	for _, p := range cfg.Pipelines {
		m.sources = append(m.sources, &source{Watcher: watch.New(p, cfg.Timeout, m.any)})
	}
	m.pages = []page{newPipelines()}
	if len(m.sources) == 1 {
		m.pages = append(m.pages, newPartitions(m.sources[0]))
	}
	m.refresh()
	return m
}

// Init waits for the first news.
func (m *Model) Init() tea.Cmd { return m.wait() }

// wait is the next news.
func (m *Model) wait() tea.Cmd {
	next := m.any.Next()
	return func() tea.Msg {
		second := time.NewTimer(watch.EachLook)
		defer second.Stop()
		select {
		case <-next:
		case <-second.C:
		}
		return news{}
	}
}

// refresh takes the newest moments in.
func (m *Model) refresh() {
	for _, s := range m.sources {
		s.moment, _ = s.Now()
	}
	m.here().refresh(m)
}

// here is the page that is seen.
func (m *Model) here() page { return m.pages[len(m.pages)-1] }

// open shows another page, behind which esc leads back.
func (m *Model) open(p page, ask tea.Cmd) tea.Cmd {
	m.pages = append(m.pages, p)
	p.refresh(m)
	return ask
}

// back leaves a page; what the one behind it had asked for is asked again.
func (m *Model) back() tea.Cmd {
	if len(m.pages) == 1 {
		return nil
	}
	m.pages = m.pages[:len(m.pages)-1]
	m.here().refresh(m)
	if p, ok := m.here().(interface{ ask(m *Model) tea.Cmd }); ok {
		return p.ask(m)
	}
	return nil
}

// unmark takes all marks back.
func (m *Model) unmark() {
	for _, p := range m.pages {
		if g, ok := p.(interface{ unmark() }); ok {
			g.unmark()
		}
	}
}

// Update takes a key, a size or news in.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case news:
		wait := m.wait() // before the moments are read: one that comes meanwhile is news
		m.refresh()
		return m, wait
	case took:
		msg(m)
	case tea.PasteMsg:
		if m.prompt != nil {
			m.prompt.typed(m, clean(msg.Content))
		}
	case tea.KeyPressMsg:
		return m, m.press(msg.String(), msg.Key().Text)
	}
	return m, nil
}

// press is a key: of the prompt, of everywhere, or of the page.
func (m *Model) press(key, typed string) tea.Cmd {
	switch key {
	case "ctrl+c":
		m.quitting = true
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	if m.width < leastWidth || m.height < leastHeight {
		if key == "q" {
			m.quitting = true
			return tea.Quit
		}
		return nil // what is not seen is not pressed
	}
	m.says = nil
	if m.prompt != nil {
		return m.prompt.press(m, key, typed)
	}
	if do, own := m.here().press(m, key); own {
		return do
	}
	switch key {
	case "q":
		m.quitting = true
		return tea.Quit
	case "esc":
		return m.back()
	case "?":
		if _, ok := m.here().(*help); !ok {
			return m.open(&help{}, nil)
		}
	case ":":
		m.prompt = commandPrompt()
	}
	return nil
}

// fault puts an error into the status line.
func (m *Model) fault(f *fencepost.UserError) {
	m.says = line{{"error[" + f.Code + "]", screen.Red, true}, {text: ": " + f.Error()}}
	if f.Help != "" {
		m.says = append(m.says, span{text: "; " + f.Help})
	}
}

// View draws the screen.
func (m *Model) View() tea.View {
	v := tea.NewView(strings.Join(m.screen(), "\n"))
	v.AltScreen = true
	return v
}

// screen is the lines of the screen.
func (m *Model) screen() (out []string) {
	if m.quitting {
		return nil
	}
	if m.width < leastWidth || m.height < leastHeight {
		return []string{plain(fmt.Sprintf("%dx%d is the least; this is %dx%d", leastWidth, leastHeight, m.width, m.height)).render(m.width, m.cfg.Paint)}
	}
	p := m.here()
	lines := []line{m.first(), {{whole(p.answer(m), "   ", m.width), screen.Bold, true}}, nil}
	body := m.height - len(lines) - 2
	middle := p.draw(m, m.width, body)
	lines = append(lines, middle[:min(len(middle), body)]...)
	for len(lines) < m.height-2 {
		lines = append(lines, nil)
	}
	if offers := m.offers(); len(offers) > 0 { // above the command line
		copy(lines[len(lines)-len(offers):], offers)
	}
	status := m.says
	keys := p.keys(m)
	if m.prompt != nil {
		status, keys = plain(m.prompt.head+m.prompt.text+"_"), m.prompt.keys
	}
	lines = append(lines, status, painted(screen.Dim, whole(keys, "  ", m.width)))
	for _, l := range lines {
		out = append(out, l.render(m.width, m.cfg.Paint))
	}
	return out
}

// first is where this is, how old it is, and the clock.
func (m *Model) first() line {
	place := "fencepost"
	for i, p := range m.pages {
		switch c := p.crumb(); {
		case c == "":
		case i <= 1 || place == "fencepost":
			place += "  " + c
		default:
			place += " / " + c
		}
	}
	if len(m.pages) == 1 {
		place += "  pipelines"
	}
	now := m.cfg.now()
	var moments []*watch.Moment
	for _, s := range m.sources {
		moments = append(moments, s.moment)
	}
	fresh, stale := watch.Freshness(now, moments)
	clock := text.ClockAt(now)
	right := clock.TimeOfDay(now) + " " + clock.String()
	room := m.width - wide(right) - wide(fresh) - 5
	return line{{text: pad(cut(place, room), room+2, false)}, {fresh, screen.Yellow, stale}, {text: "   " + right}}
}

// whole is the parts of a text that fit, each whole. The first is always there.
func whole(text, between string, width int) string {
	var out string
	for _, one := range strings.Split(text, between) {
		next := out
		if next != "" {
			next += between
		}
		if next += one; wide(next) > width && out != "" {
			break
		}
		out = next
	}
	return out
}

// source finds a pipeline by its group.
func (m *Model) source(group string) *source {
	i := slices.IndexFunc(m.sources, func(s *source) bool { return s.group() == group })
	if i < 0 {
		return nil
	}
	return m.sources[i]
}

// about is the pipeline that a page is about: the first one where it is about all.
func (m *Model) about() *source {
	for i := len(m.pages) - 1; i >= 0; i-- {
		if of, ok := m.pages[i].(interface{ of() *source }); ok {
			return of.of()
		}
	}
	if p, ok := m.pages[0].(*pipelines); ok {
		if r, ok := p.current(); ok {
			return m.source(r.id)
		}
	}
	return m.sources[0]
}

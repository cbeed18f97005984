package console

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// settled keeps how the first assignments were reconciled, for the line that says how the run began, and reports later
// ones that changed something.
func (c *Console) settled(partitions []engine.Reconciliation) {
	for _, s := range partitions {
		if s.Running && c.mu.parked[s.TopicPartition] != "" {
			delete(c.mu.parked, s.TopicPartition)
			c.partition("running", s.TopicPartition, "goes on at "+text.Count(s.Offset), "", screen.Green)
		}
		if !c.mu.began {
			c.mu.settled[s.TopicPartition] = s
		}
	}
	if !c.mu.began && len(c.mu.settled) > 0 {
		c.mu.began = true
		c.began()
	}
}

// began writes where the partitions of the first assignment start or go on.
func (c *Console) began() {
	fresh, ok := 0, 0
	var parked, waiting []fencepost.TopicPartition
	for tp, s := range c.mu.settled {
		switch {
		case s.Verdict == ledger.New || s.Verdict == ledger.Added:
			fresh++
		case s.Running:
			ok++
		case s.Verdict == ledger.Unknown:
			waiting = append(waiting, tp)
		default:
			parked = append(parked, tp)
		}
	}
	n := len(c.mu.settled)
	var word, told string
	switch {
	case fresh == n:
		word, told = "start", fmt.Sprintf("%s at %s", text.Plural(n, "partition"), cmp.Or(c.cfg.Start, "earliest"))
	default:
		word, told = "resume", fmt.Sprintf("%d of %d positions ok", ok, n)
		if fresh > 0 {
			told += fmt.Sprintf("; %d start", fresh)
		}
		if len(parked) > 0 {
			told += fmt.Sprintf("; %d parked: %s", len(parked), some(parked))
		}
		if len(waiting) > 0 {
			told += fmt.Sprintf("; %d waiting: %s", len(waiting), some(waiting))
		}
	}
	if c.mu.fixed {
		told += fmt.Sprintf("; ends fixed at %s", text.Plural(c.mu.ends.Offsets, "offset"))
	} else {
		told += "; times " + c.clock.String()
	}
	c.header(word, told)
}

// some names up to eight partitions.
func some(tps []fencepost.TopicPartition) string {
	slices.SortFunc(tps, fencepost.TopicPartition.Compare)
	var names []string
	for i, tp := range tps {
		if i == 8 {
			names = append(names, fmt.Sprintf("and %d more", len(tps)-i))
			break
		}
		names = append(names, tp.String())
	}
	return strings.Join(names, " ")
}

// progress redraws the last line, or writes a summary where nothing is redrawn.
func (c *Console) progress(s engine.Status) {
	now := c.cfg.Now()
	c.mu.pace.see(now, s.Records)
	if c.cfg.Live {
		if c.mu.drainedAt.IsZero() {
			c.redraw(c.standing(s, now))
		}
		return
	}
	if now.Sub(c.mu.summary) >= 10*time.Second {
		c.mu.summary = now
		c.line(c.standing(s, now))
	}
}

// standing is the line about what is going on: a bar with an end, else counts.
func (c *Console) standing(s engine.Status, now time.Time) string {
	if c.cfg.Ends {
		return c.bar(s, now)
	}
	var states []string
	for _, p := range []struct {
		n     int
		word  string
		style screen.Style
	}{{s.Running, "running", screen.Green}, {s.Blocked, "blocked", screen.Yellow}, {s.Waiting, "waiting", screen.Yellow}, {s.Parked, "parked", screen.Red}} {
		if p.n > 0 || p.word == "running" {
			states = append(states, c.cfg.Paint(p.style, fmt.Sprintf("%d %s", p.n, p.word)))
		}
	}
	switch {
	case s.Silent:
		states = append(states, c.cfg.Paint(screen.Yellow, "brokers silent"))
	case s.Outside:
		states = append(states, c.cfg.Paint(screen.Yellow, "not a member"))
	}
	parts := []string{c.clock.TimeOfDay(now) + "  " + strings.Join(states, ", "), c.mu.pace.String(), lag(s, now)}
	if s.CommitP50 > 0 {
		parts = append(parts, "p50 "+text.Duration(s.CommitP50))
	}
	if c.cfg.Memory != nil {
		parts = append(parts, text.Size(c.cfg.Memory()))
	}
	return c.fit(parts)
}

// lag is how far the worker's partitions are behind, as far as it is known.
func lag(s engine.Status, now time.Time) string {
	switch {
	case !s.LagKnown():
		return "lag unknown"
	case s.Unknown > 0:
		return "lag at least " + text.Count(s.Lag)
	case s.Oldest.IsZero() || s.Lag == 0:
		return "lag " + text.Count(s.Lag)
	}
	return fmt.Sprintf("lag %s (%s)", text.Count(s.Lag), text.Duration(max(0, now.Sub(s.Oldest)).Truncate(time.Second)))
}

// fit joins parts by three spaces, and leaves out the last ones that do not fit.
func (c *Console) fit(parts []string) string {
	text := parts[0]
	for _, p := range parts[1:] {
		if visible(text)+3+visible(p) >= c.cfg.Width {
			break
		}
		text += "   " + p
	}
	return text
}

// visible is how many columns a text takes, colours not counted.
func visible(s string) int {
	n := utf8.RuneCountInString(s)
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return n
		}
		end := strings.IndexByte(s[i:], 'm')
		if end < 0 {
			return n
		}
		n -= end + 1
		s = s[i+end+1:]
	}
}

// most is how wide a bar gets.
const most = 42

// bar is the line of a run with an end.
func (c *Console) bar(s engine.Status, now time.Time) string {
	total := max(s.Total, c.mu.ends.Offsets)
	part := 1.0
	if total > 0 {
		part = min(1, float64(s.Done)/float64(total))
	}
	figures := fmt.Sprintf("%s of %s   %s", text.Count(s.Done), text.Count(total), c.mu.pace.String())
	left := c.mu.pace.left(total - s.Done)
	if left != "" {
		figures += "   " + left
	}
	percent := fmt.Sprintf("%3d%%  ", int(part*100))
	// The longest figures of most runs: the bar keeps its width while they grow.
	room := max(utf8.RuneCountInString(figures), 2*len(text.Count(total))+len(" of    1,000,000/s   0.9s left"))
	width := min(most, c.cfg.Width-1-len(percent)-2-room)
	if width < 8 {
		return percent + figures
	}
	full, empty := "█", "░"
	if c.cfg.ASCII {
		full, empty = "#", "."
	}
	n := int(part * float64(width))
	return percent + strings.Repeat(full, n) + strings.Repeat(empty, width-n) + "  " + figures
}

// drain reports that a stop was asked for. A run that reached its end drains too, without a message.
func (c *Console) drain(e engine.Draining) {
	c.mu.draining, c.mu.drainedAt = e, c.cfg.Now()
	c.wipe()
	if !c.mu.interrupted {
		return
	}
	c.happened("draining", fmt.Sprintf("%d %s in flight, at most %s. Ctrl-C again leaves at once, and loses nothing",
		e.InFlight, map[bool]string{true: "batch", false: "batches"}[e.InFlight == 1], text.Duration(e.AtMost)), screen.Yellow)
}

// stopped writes the last line of a run. An error is the command's to print.
func (c *Console) stopped(e engine.Stopped) {
	c.wipe()
	switch {
	case c.mu.interrupted:
		c.interrupted(e)
	case c.cfg.Ends && (e.Err == nil || leftParked(e.Err)):
		final := e.Status
		final.Oldest = time.Time{}
		parked := len(c.mu.parked) // the partitions were let go by now: the Status counts none
		rate := text.Rate(e.Records, e.Up)
		c.header("done", fmt.Sprintf("%s, %s, %s, %s (%s). %s, %d parked", text.Plural(e.Records, "record"),
			lag(final, time.Time{}), text.Plural(e.Commits, "commit"), text.Duration(e.Up), rate, text.Plural(e.Gaps, "gap"), parked))
	default:
		c.happened("stopped", fmt.Sprintf("up %s, %s, %s", text.Duration(e.Up), text.Plural(e.Records, "record"),
			text.Plural(e.Gaps, "gap")), screen.Red)
	}
}

// leftParked reports whether a run reached its end in all partitions but the parked ones.
func leftParked(err error) bool {
	fault, ok := errors.AsType[*fencepost.UserError](err)
	return ok && fault.Code == "parked-left"
}

func (c *Console) interrupted(e engine.Stopped) {
	what := "nothing was in flight"
	switch n := c.mu.draining.InFlight; {
	case n > 0 && c.mu.commits >= n:
		what = "batch committed"
	case n > 0 && errors.Is(e.Err, engine.ErrCutShort) && !c.cfg.Ends:
		what = e.Err.Error()
	case n > 0:
		what = "batch dropped, nothing lost"
	}
	left := "group left"
	if c.mu.stays {
		left = "group not left"
	}
	told := fmt.Sprintf("in %s: %s, %s. Up %s, %s, %s", text.Duration(c.cfg.Now().Sub(c.mu.drainedAt)), what, left,
		text.Duration(e.Up), text.Plural(e.Records, "record"), text.Plural(e.Gaps, "gap"))
	style := screen.Dim
	if len(e.Parked) > 0 {
		told += fmt.Sprintf(". %d parked: %s", len(e.Parked), some(e.Parked))
		style = screen.Red
	}
	if c.cfg.Ends {
		told += ". The end was not reached"
	}
	c.happened("stopped", told, style)
}

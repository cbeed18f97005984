package quickstart

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// Look is how a stream may be written to.
type Look struct {
	Paint  screen.Paint // nil: no colour
	Redraw bool         // a terminal: the bar is drawn again and again
	Width  int          // of the terminal; 0: nothing is wrapped
	ASCII  bool         // bars of # and .
}

// story prints a quickstart on stderr, as it goes.
type story struct {
	out   io.Writer
	look  Look
	began time.Time

	mute   bool // the control's kills are counted and not shown one by one
	bar    bool // one is drawn, without a newline behind it
	drawn  time.Time
	window []sample // of the last second, for the rate
}

// sample is how far the run was at a moment.
type sample struct {
	at   time.Time
	done int64
}

// line writes one line with its time and label.
func (s *story) line(at time.Time, label, format string, args ...any) {
	s.clear()
	text := fmt.Sprintf(format, args...)
	stamp := fmt.Sprintf("%4.1fs  %-9s ", at.Sub(s.began).Seconds(), label)
	fmt.Fprintln(s.out, stamp+screen.Wrap(text, len(stamp), s.look.Width))
}

// now writes one line that happens now.
func (s *story) now(label, format string, args ...any) { s.line(time.Now(), label, format, args...) }

// killed implements shower.
func (s *story) killed(k *kill) {
	if s.mute {
		return
	}
	missed := ""
	if !k.hit {
		missed = "; it was not at work"
	}
	s.line(k.at, "kill -9", "worker %d (pid %d) at %7s rows; back after %s%s", k.worker, k.pid, text.Count(k.rows),
		text.Duration(k.back), missed)
}

// progress implements shower: it draws the bar, on a terminal.
func (s *story) progress(done, total int64, kills int) {
	now := time.Now()
	if !s.look.Redraw || now.Sub(s.drawn) < 100*time.Millisecond {
		return
	}
	s.drawn = now
	s.window = append(s.window, sample{now, done})
	for len(s.window) > 2 && now.Sub(s.window[0].at) > time.Second {
		s.window = s.window[1:]
	}
	first := s.window[0]
	all := text.Count(total)
	// Of one width as long as it lasts, so that the bar does not shiver.
	told := fmt.Sprintf("  %*s of %s   %9s   %-8s", len(all), text.Count(done), all, text.Rate(done-first.done, now.Sub(first.at)),
		text.Plural(kills, "kill"))
	width := s.look.Width
	if width == 0 {
		width = 80
	}
	bar := drawBar(done, total, min(40, width-8-len(told)), s.look.ASCII)
	fmt.Fprint(s.out, "\r       "+bar+strings.TrimRight(told, " ")+"\x1b[K")
	s.bar = true
}

// drawBar is a bar of that many cells.
func drawBar(done, total int64, cells int, ascii bool) string {
	full, empty := "█", "░"
	if ascii {
		full, empty = "#", "."
	}
	if cells <= 0 || total <= 0 {
		return ""
	}
	n := int(min(done, total) * int64(cells) / total)
	return strings.Repeat(full, n) + strings.Repeat(empty, cells-n)
}

// clear takes the bar away.
func (s *story) clear() {
	if s.bar {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.bar = false
	}
}

// restart begins a new run's bar.
func (s *story) restart() { s.clear(); s.window = nil }

// table is the truth, the run and the control side by side.
func (p *proof) table(look Look) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s%11s%14s%15s%9s\n", "", "rows", "sum(delay)", "sum(distance)", "origins")
	row := func(name string, t flights.Truth, verdict string, style screen.Style) {
		numbers := fmt.Sprintf("%-10s%11s%14s%15s%9s", name, text.Count(t.Rows), text.Count(t.Delay),
			text.Count(t.Distance), text.Count(len(t.Origins)))
		if verdict != "" {
			numbers += "  "
			verdict = paint(look, style, screen.Wrap(verdict, utf8.RuneCountInString(numbers), look.Width))
		}
		b.WriteString(numbers + verdict + "\n")
	}
	row("truth", p.truth, "", screen.Green)
	style := screen.Green
	if p.verdict() != "equal" {
		style = screen.Red
	}
	row("fencepost", p.run.truth, p.verdict(), style)
	row("control", p.control.truth, p.controlVerdict(), screen.Yellow)
	return b.String()
}

// paragraph is a label and prose behind it.
func paragraph(look Look, label, text string) string {
	return fmt.Sprintf("%-14s", label) + screen.Wrap(text, 14, look.Width) + "\n"
}

// delaysLine is about the sums that SQL kept.
func (p *proof) delaysLine(look Look) string {
	sum, verdict := p.run.sumDelays(), p.run.delaysFinding(p.truth)
	if verdict == "" {
		verdict = "equal"
	}
	return paragraph(look, "delays", fmt.Sprintf("%s flights, %s minutes, summed by SQL in the same commits: %s",
		text.Count(sum.Rows), text.Count(sum.Delay), verdict))
}

// chainLine is about the ledger's history.
func (p *proof) chainLine(look Look) string {
	var parts []string
	for _, partition := range slices.Sorted(maps.Keys(p.ends)) {
		parts = append(parts, text.Count(p.ends[partition]))
	}
	verdict := "no hole, no overlap"
	if len(p.chain.broken) > 0 {
		verdict = strings.Join(p.chain.broken[:min(3, len(p.chain.broken))], "; ")
		if more := len(p.chain.broken) - 3; more > 0 {
			verdict += fmt.Sprintf("; and %d more", more)
		}
	}
	return paragraph(look, "chain", fmt.Sprintf("%s offsets, %s: %s", strings.Join(parts, " + "),
		text.Plural(p.chain.commits, "commit"), verdict))
}

// end is the last word.
func (p *proof) end(look Look, took time.Duration, folder string) string {
	why := p.against()
	if len(why) > 0 {
		told := strings.Join(why, "; ") + fmt.Sprintf(". %.1fs. Folder: %s", took.Seconds(), folder)
		return paint(look, screen.Red, "NOT PROVEN") + paragraph(look, "", told)[len("NOT PROVEN"):]
	}
	told := fmt.Sprintf("%s killed, 0 rows lost, 0 rows doubled, %.1fs. Folder: %s", text.Plural(hits(p.kills), "worker"),
		took.Seconds(), folder)
	return paint(look, screen.Bold, "PROVEN") + paragraph(look, "", told)[len("PROVEN"):]
}

// next lists commands, to be pasted unchanged: what is said about one is a comment of the shell. A comment that
// does not fit is on a line of its own; commands are never wrapped.
func next(look Look, hints []Hint) string {
	var b strings.Builder
	for i, h := range hints {
		label := ""
		if i == 0 {
			label = "next"
		}
		line := fmt.Sprintf("%-14s%s", label, h.Command)
		switch {
		case h.About == "":
		case look.Width == 0 || utf8.RuneCountInString(line)+4+len(h.About) <= look.Width:
			line += "  " + paint(look, screen.Dim, "# "+h.About)
		default:
			line += "\n" + strings.Repeat(" ", 16) + paint(look, screen.Dim, "# "+screen.Wrap(h.About, 18, look.Width))
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func paint(look Look, style screen.Style, text string) string {
	if look.Paint == nil {
		return text
	}
	return look.Paint(style, text)
}

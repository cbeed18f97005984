package top

import (
	"fmt"

	"github.com/fencepost/fencepost/internal/screen"
)

// scroll is how far a page of prose was scrolled.
type scroll struct{ top, page, length int }

// seen is the lines that fit; where more follow, the last one says so.
func (s *scroll) seen(lines []line, height int) []line {
	s.page, s.length = max(1, height-1), len(lines)
	if len(lines) <= height {
		s.top, s.page = 0, height
		return lines
	}
	s.top = max(0, min(s.top, len(lines)-s.page))
	out := append([]line{}, lines[s.top:s.top+s.page]...)
	says := fmt.Sprintf("(lines %d-%d of %d: j k)", s.top+1, s.top+s.page, len(lines))
	return append(out, painted(screen.Dim, says))
}

// press scrolls; false: the key is none of it.
func (s *scroll) press(key string) bool {
	switch key {
	case "j", "down":
		s.top++
	case "k", "up":
		s.top--
	case "g", "home":
		s.top = 0
	case "G", "end":
		s.top = s.length
	case "ctrl+f", "pgdown":
		s.top += s.page - 1
	case "ctrl+b", "pgup":
		s.top -= s.page - 1
	default:
		return false
	}
	s.top = max(0, min(s.top, s.length-s.page))
	return true
}

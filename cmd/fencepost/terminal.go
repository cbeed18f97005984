package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/fencepost/fencepost/internal/screen"
)

// terminal is what the other end of a stream can show.
type terminal struct {
	Paint screen.Paint
	Width int  // columns; 100 without a terminal
	TTY   bool // it is a terminal, watched by a person
	Live  bool // a line can be redrawn
	ASCII bool // no bars of block characters
}

// terminal looks at a stream, the flags and the environment.
func (a *app) terminal(w io.Writer) terminal {
	t := terminal{Paint: screen.Plain, Width: 100}
	f, ok := w.(*os.File)
	t.TTY = ok && isatty.IsTerminal(f.Fd())
	dumb := os.Getenv("TERM") == "dumb"
	if t.TTY {
		if n := columns(f); n >= 20 {
			t.Width = n
		} else if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n >= 20 {
			t.Width = n
		}
	}
	t.Live = t.TTY && !dumb && !a.noProgress && os.Getenv("CI") == ""
	if a.color == "always" || a.color == "auto" && t.TTY && !dumb && os.Getenv("NO_COLOR") == "" {
		t.Paint = screen.ANSI
	}
	t.ASCII = !utf8Locale()
	return t
}

// utf8Locale reports whether the locale's characters are UTF-8. Without any locale they are: containers have none.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}

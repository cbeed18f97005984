package top

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// help is the page of the keys.
type help struct{ scroll }

// helpText is at most 80 columns wide and 19 lines high.
const helpText = `j k, arrows  move             enter  open                esc    back
g, G         first, last      ctrl-f ctrl-b  page        q      leave
/TEXT        filter           /!TEXT  all but it         /-f TEXT  fuzzy
:            command          tab  completes it          ?      this page
w            hidden columns   ctrl-w  log, linear        ctrl-r  ask again
N L T S      sort by name, lag, lag time, state; again: back; once more: not
space        mark a row       ctrl-z  to the shell       ctrl-c  leave

On a partition                          On a plan
m    move (offsets set)                 e    execute: TAB, ENTER
r    retry the record                   y    change why
s    skip the record                    esc  leave: nothing is changed
c    all choices (offsets repair)
l    moves       t  dead letters        On moves
x    peek at records                    o    losses only     c  commits too
:pipelines :partitions :moves :letters :peek PLACE :diff GROUP :help :q
parked: a person decides    blocked: open transaction    waiting: no answer
to read: something is unread, and no worker is known to be alive
m r s make plans. Without --allow-changes no plan can be executed.`

func (h *help) crumb() string { return "help" }

func (h *help) answer(*Model) string { return "keys" }

func (h *help) refresh(*Model) {}

func (h *help) keys(*Model) string { return "esc back" }

func (h *help) draw(_ *Model, _, height int) (lines []line) {
	for one := range strings.SplitSeq(helpText, "\n") {
		lines = append(lines, plain(one))
	}
	return h.seen(lines, height)
}

func (h *help) press(_ *Model, key string) (tea.Cmd, bool) { return nil, h.scroll.press(key) }

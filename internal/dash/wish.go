package dash

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
)

// The verbs that a page has, as their forms name them.
const (
	doSet     = "set"
	doRepair  = "repair"
	doReplay  = "replay"
	doDiscard = "discard"
)

// wish is what somebody has chosen: the words of the command line's flags. A plan is made of it, and made again.
type wish struct {
	Do     string
	Topics []string // --topic
	To     string   // --to
	Clamp  bool     // --clamp
	Choice string   // of a repair: skip, earliest, latest, divergence, mirror
	Places []string // of dead letters: TOPIC:PARTITION:OFFSET
	Code   string   // of dead letters: --code
	Why    string   // --why
}

// mostWhy is how many bytes of a reason are taken.
const mostWhy = 1 << 10

// wishOf reads a form.
func wishOf(v url.Values) wish {
	w := wish{Do: v.Get("do"), To: strings.TrimSpace(v.Get("to")), Clamp: v.Get("clamp") != "", Choice: v.Get("choice"), Places: v["at"], Code: v.Get("code"), Why: strings.TrimSpace(v.Get("why"))}
	for _, some := range v["topic"] {
		w.Topics = append(w.Topics, strings.Fields(some)...)
	}
	if w.Do == "" {
		w.Do = doSet
	}
	return w
}

// page is the page on which it was chosen, with all that was filled in.
func (w wish) page(g fencepost.Group) string {
	at := groupURL(g)
	v := url.Values{"topic": w.Topics}
	for name, value := range map[string]string{"to": w.To, "choice": w.Choice, "why": w.Why, "code": w.Code} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if w.Clamp {
		v.Set("clamp", "1")
	}
	switch w.Do {
	case doRepair:
		if len(w.Topics) == 1 {
			if tp, ok := partitionOf(w.Topics[0]); ok {
				at = partitionURL(g, tp)
			}
		}
		v.Del("topic")
	case doReplay, doDiscard:
		at += "/dead-letters"
		if len(w.Places) == 1 {
			v.Set("at", w.Places[0])
		}
	default:
		at += "/set"
	}
	if q := v.Encode(); q != "" {
		at += "?" + q
	}
	return at
}

// command is the same on the command line.
func (w wish) command(file string) string {
	c := "fencepost "
	switch w.Do {
	case doReplay, doDiscard:
		c += "dead-letters " + w.Do + " " + text.Shell(file)
		for _, place := range w.Places {
			c += " " + text.Shell(place)
		}
	case doRepair:
		c += "offsets repair " + text.Shell(file)
	default:
		c += "offsets set " + text.Shell(file)
	}
	for _, topic := range gathered(w.Topics) {
		c += " --topic " + text.Shell(topic)
	}
	add := func(flag, value string) {
		if value != "" {
			c += " " + flag + " " + text.Shell(value)
		}
	}
	if w.Do == doSet {
		add("--to", w.To)
	}
	if w.Do == doRepair {
		add(flagOf(w.Choice))
	}
	add("--code", w.Code)
	if w.Clamp {
		c += " --clamp"
	}
	if w.Do != doReplay { // which keeps no reason
		add("--why", w.Why)
	}
	return c + " --execute"
}

// flagOf is how the command line takes a choice of a repair.
func flagOf(choice string) (flag, value string) {
	switch choice {
	case "retry", "skip":
		return "--record", choice
	case "mirror":
		return "--policy", "lost_row=mirror"
	case "divergence":
		return "--policy", "truncated=divergence"
	}
	return "--policy", choice
}

// gathered is trips:0 trips:2 trips:4 as trips:0,2,4.
func gathered(topics []string) (list []string) {
	at := map[string]int{}
	for _, one := range topics {
		tp, ok := partitionOf(one)
		if !ok {
			list = append(list, one)
			continue
		}
		if i, had := at[tp.Topic]; had {
			list[i] += fmt.Sprintf(",%d", tp.Partition)
			continue
		}
		at[tp.Topic] = len(list)
		list = append(list, one)
	}
	return list
}

// selection is the partitions of a wish.
func (w wish) selection() (admin.Selection, error) {
	sel, err := admin.ParseSelection(w.Topics)
	if err != nil {
		return sel, badWish("trips, or trips:0,2-4; several with blanks between them", "partitions: %s", err)
	}
	return sel, nil
}

// destination is where a wish leads.
func (w wish) destination(now time.Time) (admin.Destination, error) {
	const forms = "earliest, latest, 1000, +1000, -1000, 2026-11-21T03:00 or -2h"
	if w.To == "" {
		return admin.Destination{}, badWish(forms, "say where to")
	}
	to, err := admin.ParseDestination(w.To, now)
	if local, ok := errors.AsType[*text.LocalTimeError](err); ok {
		first, second := local.Written()
		return to, badWish(first+", or "+second, "to %s: %s", printable(w.To), local)
	}
	if err != nil {
		return to, badWish(forms, "to %s: no target", printable(w.To))
	}
	return to, nil
}

// choices is what a repair is to do: the pipeline's own policy, but for what was chosen.
func (w wish) choices(r admin.Resources) (c admin.Choices, err error) {
	c = admin.Choices{Policy: r.Policy, Records: 1}
	switch w.Choice {
	case "skip":
		c.Record = admin.RecordSkip
	case "mirror":
		c.Mirror = true
	case "earliest", "latest", "divergence":
		_, policy := flagOf(w.Choice)
		c.Policy, err = admin.ParsePolicy(policy, r.Policy)
	default:
		err = badWish("take one of the choices", "choose what is to be done")
	}
	return c, err
}

// places are the dead letters of a wish.
func (w wish) places() (list []admin.LetterPlace, err error) {
	for _, place := range w.Places {
		one, ok := placeOf(place)
		if !ok {
			return nil, badWish("choose letters of the list", "%s is not TOPIC:PARTITION:OFFSET", printable(place))
		}
		list = append(list, one)
	}
	return list, nil
}

func badWish(help, format string, args ...any) error {
	return &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf(format, args...), Help: help}
}

// placeOf reads TOPIC:PARTITION:OFFSET.
func placeOf(word string) (p admin.LetterPlace, ok bool) {
	i := strings.LastIndexByte(word, ':')
	p.TopicPartition, ok = partitionOf(word[:max(i, 0)])
	n, err := strconv.ParseInt(word[i+1:], 10, 64)
	p.Offset = fencepost.Offset(n)
	return p, ok && err == nil && n >= 0
}

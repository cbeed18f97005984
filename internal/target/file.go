package target

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/foreign/offsetfile"
)

// fileScheme is the forms of internal/foreign/offsetfile; a name that ends in .json or .csv is our own form.
var fileScheme = scheme{layouts: fileLayouts, native: func(_ context.Context, l *location) (*Target, error) {
	t, err := openForm(l, "")
	if err != nil {
		return nil, err
	}
	t.means = foreign.MeaningNext
	return t, nil
}}

var fileLayouts = func() map[string]layout {
	all := map[string]layout{}
	for _, form := range offsetfile.Forms() {
		if !form.Reads() {
			continue
		}
		lay := layout{open: func(ctx context.Context, l *location) (*Target, error) {
			t, err := openForm(l, form.Name)
			if err != nil {
				return nil, err
			}
			switch {
			case form.Own:
				t.means = foreign.MeaningNext
			case form.Says:
				if f, err := t.Layout.Foreign(ctx); err == nil { // else whoever reads it next returns the error
					t.means = f.Means
				}
			}
			return t, nil
		}}
		if form.Folder {
			lay.params = []string{"twice"}
		}
		all[form.Name] = lay
	}
	return all
}()

// openForm opens a file in a form; empty: by the ending of its name.
func openForm(l *location, form string) (*Target, error) {
	o := offsetfile.Options{Group: fencepost.Group(l.params.Get("group"))}
	if twice := l.params.Get("twice"); twice != "" {
		if o.Lower = twice == "lower"; !o.Lower {
			return nil, codes.Usage("twice=lower", "twice=%s: it takes one word", twice)
		}
	}
	lay, err := offsetfile.Open(l.path, form, o)
	if err != nil {
		return nil, err
	}
	subject := "file " + l.path
	if l.path == offsetfile.Stdin {
		subject = "stdin"
	}
	return ofLayout(lay, subject), nil
}

package target

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/foreign/offsetfile"
)

// fileScheme is the forms of internal/foreign/offsetfile; a name that ends in .json or .csv is our own form.
var fileScheme = scheme{layouts: fileLayouts, native: func(_ context.Context, l *location) (*Target, error) {
	lay, err := offsetfile.Open(l.path, "", offsetfile.Options{Group: fencepost.Group(l.params.Get("group"))})
	if err != nil {
		return nil, err
	}
	t := ofLayout(lay, "file "+l.path)
	t.means = foreign.MeaningNext
	return t, nil
}}

var fileLayouts = func() map[string]layout {
	all := map[string]layout{}
	for _, form := range offsetfile.Forms() {
		if !form.Reads() {
			continue
		}
		all[form.Name] = layout{open: func(_ context.Context, l *location) (*Target, error) {
			lay, err := offsetfile.Open(l.path, form.Name, offsetfile.Options{Group: fencepost.Group(l.params.Get("group"))})
			if err != nil {
				return nil, err
			}
			t := ofLayout(lay, "file "+l.path)
			if form.Own {
				t.means = foreign.MeaningNext
			}
			return t, nil
		}}
	}
	return all
}()

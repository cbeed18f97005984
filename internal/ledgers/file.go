package ledgers

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/foreign/offsetfile"
)

// fileScheme is the forms of internal/foreign/offsetfile; a name that ends in .json or .csv is our own form.
var fileScheme = scheme{layouts: fileLayouts, native: func(_ context.Context, l *location) (*Opened, error) {
	lay, err := offsetfile.Open(l.path, "", offsetfile.Options{Group: fencepost.Group(l.params.Get("group"))})
	if err != nil {
		return nil, err
	}
	return &Opened{Layout: lay, Means: foreign.MeaningNext, Subject: "file " + l.path, close: lay.Close}, nil
}}

var fileLayouts = func() map[string]layout {
	all := map[string]layout{}
	for _, form := range offsetfile.Forms() {
		if !form.Reads() {
			continue
		}
		all[form.Name] = layout{open: func(_ context.Context, l *location) (*Opened, error) {
			lay, err := offsetfile.Open(l.path, form.Name, offsetfile.Options{Group: fencepost.Group(l.params.Get("group"))})
			if err != nil {
				return nil, err
			}
			o := &Opened{Layout: lay, Subject: "file " + l.path, close: lay.Close}
			if form.Own {
				o.Means = foreign.MeaningNext
			}
			return o, nil
		}}
	}
	return all
}()

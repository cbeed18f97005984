package pipeline

import (
	"context"
	"errors"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
)

// openMirrors opens all mirrors, or none.
func (f *File) openMirrors() (all []foreign.LiveLayout, err error) {
	for _, m := range f.Mirrors {
		layout, err := m.Is.Open(f.around())
		if err != nil {
			return nil, errors.Join(f.faultAt(m.At, pointedTo(m.At, err)), closeMirrors(all))
		}
		all = append(all, layout)
	}
	return all, nil
}

// engineMirrors is the part of the mirrors that the engine needs: closing them stays with Opened.
func (o *Opened) engineMirrors() (all []engine.Mirror) {
	for _, layout := range o.mirrors {
		all = append(all, layout)
	}
	return all
}

func closeMirrors(all []foreign.LiveLayout) error {
	var errs []error
	for _, layout := range all {
		errs = append(errs, layout.Close())
	}
	return errors.Join(errs...)
}

// MirrorNames are the file's mirrors as people name them, in the order of engine.Config.Mirrors.
func (f *File) MirrorNames() (names []string) {
	for _, m := range f.Mirrors {
		names = append(names, m.At+" ("+m.Is.Where()+")")
	}
	return names
}

// mirrorRules are about the copies of the committed offsets.
func mirrorRules(r *keys.Reader, f *File) {
	for _, m := range f.Mirrors {
		m.Is.Rules(r, f.around(), f.ledgerStore())
	}
}

// checkMirrors looks at the places that the mirrors will write to, and writes nothing.
func (o *Opened) checkMirrors(ctx context.Context) (found []fencepost.Finding) {
	for i, layout := range o.mirrors {
		m := o.File.Mirrors[i]
		there, err := layout.Foreign(ctx)
		if err != nil {
			found = append(found, mirrorFault(ctx, m, err))
			continue
		}
		found = append(found, m.Is.Describe(o.File.around(), there))
	}
	return found
}

// mirrorFault is an error of a mirror's server as a line of check.
func mirrorFault(ctx context.Context, m kinds.Named[kinds.Mirror], err error) fencepost.Finding {
	f, ok := errors.AsType[*fencepost.UserError](pointedTo(m.At, err))
	if !ok {
		f = &fencepost.UserError{Code: m.Is.Unreachable(), Help: "see " + m.At, Passing: ctx.Err() != nil}
	}
	return fencepost.Finding{Subject: "mirror", Key: m.At, Code: f.Code, Text: err.Error(), Help: f.Help, Silent: f.Passing}
}

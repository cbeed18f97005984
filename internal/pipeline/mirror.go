package pipeline

import (
	"errors"

	"github.com/fencepost/fencepost"
)

// mirrorsWired says that openMirror opens something. Until then the key is read and refused.
const mirrorsWired = false

// openMirror opens the layout that a mirror keeps up to date. It connects to nothing yet.
//
//	case "redis":
//		c, err := m.redis(fencepost.KeepMerged)
//		...
//		redis.OpenLayout(c, redis.LayoutConfig{Name: "pattern-a", Key: m.Key})
//	case "zookeeper":
//		zookeeper.OpenLayout(...)
func (f *File) openMirror(m Store) (fencepost.LiveLayout, error) {
	panic("pipeline: no layout for mirror " + m.Kind)
}

// openMirrors opens all mirrors, or none.
func (f *File) openMirrors() (all []fencepost.LiveLayout, err error) {
	for _, m := range f.Mirrors {
		layout, err := f.openMirror(m)
		if err != nil {
			return nil, errors.Join(f.faultAt(m.at, m.pointed(err)), closeMirrors(all))
		}
		all = append(all, layout)
	}
	return all, nil
}

func closeMirrors(all []fencepost.LiveLayout) error {
	var errs []error
	for _, layout := range all {
		errs = append(errs, layout.Close())
	}
	return errors.Join(errs...)
}

// mirrorRules are about the copies of the committed offsets.
func (r *reader) mirrorRules(f *File) {
	for _, m := range f.Mirrors {
		r.storeRules(m)
	}
	if len(f.Mirrors) > 0 && !mirrorsWired {
		r.find("not-in-this-version", r.places["mirror"], "take mirror: out", "mirror comes with a later version")
	}
}

package pipeline

import "github.com/fencepost/fencepost"

// mirrorRules are about the copies of the committed offsets.
func (r *reader) mirrorRules(f *File) {
	for _, m := range f.Mirrors {
		r.storeRules(m)
		if !mirrorsWired {
			r.find("not-in-this-version", r.places["mirror"], "take mirror: out", "mirror comes with a later version")
			return
		}
	}
}

// mirrorsWired says that openMirror opens something.
const mirrorsWired = false

// openMirror opens the layout that a mirror keeps up to date: pattern A's hash.
//
//	redis.OpenLayout(c, redis.LayoutConfig{Name: "pattern-a", Key: m.Key})
func (f *File) openMirror(m Store) (fencepost.LiveLayout, error) {
	panic("pipeline: no layout for mirror " + m.Kind)
}

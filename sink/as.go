package sink

// As returns s as a T, an optional ability of a Sink (Provenance, fencepost.Checker). A wrapper that has no such ability
// itself is asked by its method Unwrap() Sink for what it wraps, as errors.As does. ok: one of them is a T.
func As[T any](s Sink) (t T, ok bool) { return find[T](s) }

// LaneAs is As for a Lane (Applier, Forgetter), whose wrappers have a method Unwrap() Lane.
func LaneAs[T any](l Lane) (t T, ok bool) { return find[T](l) }

func find[T, W any](w W) (t T, ok bool) {
	for {
		if t, ok = any(w).(T); ok {
			return t, true
		}
		u, wraps := any(w).(interface{ Unwrap() W })
		if !wraps {
			return t, false
		}
		w = u.Unwrap()
	}
}

package sink

// As returns w, a Sink or a Lane, as a T: an optional ability (Provenance, Applier, Forgetter, fencepost.Checker). A
// wrapper that has no such ability itself is asked by its method Unwrap() W for what it wraps, as errors.As does. ok: one
// of them is a T.
func As[T, W any](w W) (t T, ok bool) {
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

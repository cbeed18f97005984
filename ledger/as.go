package ledger

// As returns l as a T, an optional ability (History, Recent, Finder, fencepost.Checker). A wrapper that has no such
// ability itself is asked by its method Unwrap() Ledger for what it wraps, as errors.As does. ok: one of them is a T.
func As[T any](l Ledger) (t T, ok bool) {
	for {
		if t, ok = l.(T); ok {
			return t, true
		}
		w, wraps := l.(interface{ Unwrap() Ledger })
		if !wraps {
			return t, false
		}
		l = w.Unwrap()
	}
}

package text

// Amount is a number, or the most that it can be.
type Amount struct {
	N    int64
	Most bool // it may be less
}

// Plus is the sum of both.
func (a Amount) Plus(b Amount) Amount { return Amount{a.N + b.N, a.Most || b.Most} }

// String is the number for people: 1,000, or up to 1,000.
func (a Amount) String() string { return a.upTo() + Count(a.N) }

// Of is "16 rows", or "up to 16 rows".
func (a Amount) Of(one string) string { return a.upTo() + Plural(a.N, one) }

func (a Amount) upTo() string {
	if a.Most && a.N > 0 {
		return "up to "
	}
	return ""
}

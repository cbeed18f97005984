package text

import "strings"

// UnencodedPassword reports whether a password in a URL holds a character that ends the part of the URL which it is in: what follows
// would be taken for the host, the path or a comment, and printed. A text that is no URL has none.
func UnencodedPassword(url string) bool {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		return false
	}
	before, _, _ := strings.Cut(rest[end+1:], "?")
	if rest[end] == '?' { // the parameters of a URL without a path, unless a password ends with them
		before = ""
		if name, _, _ := strings.Cut(rest[end+1:], "@"); name != rest[end+1:] && !strings.Contains(name, "=") {
			return true
		}
	}
	return strings.Contains(before, "@") || strings.Contains(rest, "#")
}

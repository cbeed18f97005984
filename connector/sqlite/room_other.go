//go:build !unix

package sqlite

// noRoom cannot know here: a full disk is then what SQLite itself calls full.
func noRoom(string) bool { return false }

package sqlite

import "github.com/fencepost/fencepost/internal/sqlstore"

// keywords are the words that cannot stand for a column or a table without quotes; SQLite takes its other keywords for
// names where one is due.
var keywords = sqlstore.Words(`add all alter and as autoincrement between case check collate commit constraint create default
	deferrable delete distinct drop else escape except exists foreign from group having if in index insert intersect into is isnull
	join limit not nothing notnull null on or order primary raise references returning select set table then to transaction
	union unique update using values when where`)

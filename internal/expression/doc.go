// Package expression computes values of a record: `delay > 15`, `upper(origin)`, `distance * 2`. It compiles and
// type-checks a text over the columns of a pipeline, and runs it on the rows of a batch.
//
//	text --Compile--> Program --Append, Is--> a row's value, as the text that a store takes
//	        ^
//	      columns: the schema's, and _topic _partition _offset _timestamp _key _headers
//
// # Why
//
// A sink without SQL has to say what becomes of a row, and a pipeline which rows there are and what is computed beside them. The language is that of github.com/expr-lang/expr: no loops
// without end, no I/O, nothing that differs from one run to the next.
//
// # Types
//
//	int                           int        64 bits
//	float                         float64
//	bool                          bool
//	timestamp                     time.Time  _timestamp too
//	text decimal json bytes       string     _topic _key _headers too; float(price), fromJSON(doc).name
//
// # Laws
//
//  1. What can be known from the text and the columns' types is reported by [Compile], with its place: unknown names,
//     types that do not go together, a result that the caller cannot use.
//  2. A null makes null of every expression that names its column, as in SQL, and a condition over null does not hold.
//     Left of ??, or beside == nil and != nil, a null is a value that the expression has in hand. Where and, or and not join
//     conditions, each is one for itself, as in SQL: n > 0 or true holds for a null n. Within the arguments of a function, or a
//     branch of ? :, a null makes null of the whole.
//  3. The same row gives the same value, whenever it is tried again: now() is not there.
//  4. A number is exact, or there is none. A sum, difference or product of ints beyond 64 bits is an error; so is an int
//     beside a float where no float has its value, a division by zero, and what is beyond a float. int and float are compared by
//     their values, and whole numbers of fromJSON are ints. The language alone would wrap and round: its operators are
//     patched (exact.go). float(...) of an int is the nearest float: whoever writes it says so.
//  5. Only columns that a program names are put before it. A single column or a constant runs no program at all: see
//     [Program.Column] and [Program.Constant]. Nor does a condition of comparisons of columns with constants: it is made of
//     functions of ours, which give what the language gives (TestSimpleTestsAgreeWithTheLanguage).
//
// # How it fails
//
// Compile with an [*Error]. A program that fails on a row (an index out of range, a text that is no number) gives an
// error that names the place; it refuses that row, and nothing else.
//
// # What it does not do
//
// It knows no sink, and no file: callers say where a text is.
package expression

// Package text writes numbers for people, and reads what people write: counts and offsets, sizes, durations, times, partitions.
// Each form is printed and parsed in one file, so that flags, pipeline files and screens agree on it. It knows no words
// of the domain, and writes nowhere itself.
//
// # Laws kept here
//
//   - What is printed can be typed, and means the same: ParseCount of Count(n) is n, and a size or a duration reads back
//     to within the unit that it was rounded to.
//   - What is read is never guessed. Separators are before three digits each, or the text is no number: 1,2 may have
//     been 12, 1.2, or 1,200 with two digits missing.
//   - A unit is never guessed either: a bare number is no duration, and MB is no size.
//
// # How it fails
//
// A parser answers ok, or not; the caller knows the text's place, and reports it.
package text

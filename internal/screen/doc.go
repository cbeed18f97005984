// Package screen says how this program writes for people: colours, tables, wrapped prose. It writes nowhere itself;
// the commands and the console of a run do. Numbers, sizes and durations are written by internal/text.
//
// # Laws kept here
//
//   - Colour repeats what a word already says: without colour nothing is lost, so Plain is always right.
//   - A number is never cut. Prose wraps; tables do not.
package screen

// Package screen says how this program writes for people: numbers, sizes, durations, colours, wrapped prose. It
// writes nowhere itself; the commands and the console of a run do.
//
// # Laws kept here
//
//   - What is printed can be typed: 1,000 and 12m40s and trips:3 are forms that the commands take.
//   - Colour repeats what a word already says: without colour nothing is lost, so Plain is always right.
//   - A number is never cut. Prose wraps; tables do not.
package screen

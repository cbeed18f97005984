// Package news is what a webhook may be told of, and the secret that signs it, as pipeline files write them.
//
// # Why
//
// The pipeline file checks both before a run begins, and package webhook, which tells them, stands above it.
//
// # How it fails
//
// ParseKind names the kinds that there are; Key says of a secret what is wrong with it, and never shows it.
//
// # What it does not do
//
// It sends nothing.
package news

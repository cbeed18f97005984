// Package manual is tests only: an operator's tasks, as scripts that read like a manual, on Apache Kafka.
//
//	testdata/scenarios/*.txtar   a script a scenario: what happened, the output of the commands, what mends it
//	docs/guides/*.md, README.md  pages by task; each command in them is run unchanged, by a script of its name, which does
//	                             nothing else before the page's last block but make the world that the page begins with
//
// A script starts nothing that another one could meet: its group and its topics are those that its files name, and they
// are removed before it begins. Servers listen on loopback addresses of their own; a page says localhost:9092, and the
// script puts the server of the test there.
//
// # What it does not do
//
// It does not look at rows one by one, nor at what happens inside of a worker: internal/scenarios does.
package manual

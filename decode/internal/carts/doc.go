// Package carts has random orders with items, and the slow twin of the decoders that make a row of each item. It is for tests.
//
// Tests of several formats hold their decoders to the twin: each writes an order in its own way, and the twin reads it as JSON.
//
//	Order --the format's own writer--> record --decoder--> rows
//	  |                                                     equal
//	  +--encoding/json--> maps and slices --by path-------> rows
//
// It fails with the test that it draws for. It draws no values that a format cannot say, and no values that do not fit their columns:
// those are cases of each format.
package carts

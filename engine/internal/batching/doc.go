// Package batching decides when a batch is due, how many records it takes from each partition, and how many a second
// all lanes of a worker take. It is pure: it has no goroutine, no lock and no clock; the caller gives it the time, and takes
// turns at what the lanes share, a [Bucket].
//
//	queues of a lane --sum--> Limits.Due --Limits.Most--> Bucket.Take --Shares--> Limits.Lighten --> a count for each partition
//
// # Laws
//
//   - A batch clocks itself: while one is committed the next one gathers. No timer delays a record unless Limits demand it.
//   - A batch takes in proportion to the lag, and at least one record of each partition that has any, over turns.
//   - A batch stays within its bytes, but for one record of each partition.
package batching

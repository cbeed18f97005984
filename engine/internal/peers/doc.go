// Package peers decides what a worker does about the other workers of its group, from what they have entered beside the group's
// positions and from which signs of life have ended: how it enters itself, whom it watches, whom it evicts, and when it looks again
// before it does. It is pure: it has no goroutine, no lock, no clock and no I/O. The engine's presence asks and carries out.
//
//	the sign of ...                              first look               second look, DoubtFor later
//	a static member that has left                nothing                  nothing
//	another that has left, or one evicted        ask for a share          ask for a share
//	one worker that has said nothing             evict, ask for a share   evict, ask for a share
//	the same, and the own sign or watch broke    look again               evict those still dead, ask for a share
//	several workers that have said nothing       look again               evict those still dead, ask for a share
//
// # Why nothing follows from a static member that has left
//
// It will be back, and has its place and its partitions until its session ends. Who asked for a share now would have a classic group begin a
// rebalance, in which all others wait for the one that is away.
//
// # Why a second look
//
// A store that restarts ends all signs in one moment, and its workers take new ones within DoubtFor. An eviction of a living worker
// harms nothing, for the fence refuses what it had in hand, but it costs a rejoin.
package peers

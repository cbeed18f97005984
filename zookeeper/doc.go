// Package zookeeper is ZooKeeper as ledger.
//
// todo
// todo
// todo
// todo
package zookeeper

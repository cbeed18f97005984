package zookeeper_test

import (
	"fmt"

	"github.com/fencepost/fencepost/connector/zookeeper"
)

// A ledger below a node of its own, for a user of its own.
func Example() {
	ledger, err := zookeeper.OpenLedger(zookeeper.Config{
		Servers:  []string{"zk1.example.com", "zk2.example.com:2281"},
		User:     "flights",
		Password: "read it from a file",
		Root:     "/prod/fencepost",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ledger.Close())
	// Output: <nil>
}

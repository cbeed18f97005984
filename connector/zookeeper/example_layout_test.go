package zookeeper_test

import (
	"fmt"

	"github.com/fencepost/fencepost/connector/zookeeper"
)

// The offsets that a job of pattern B left.
func ExampleOpenLayout() {
	layout, err := zookeeper.OpenLayout(zookeeper.Config{Servers: []string{"zk1.example.com"}},
		zookeeper.LayoutConfig{Form: zookeeper.FormConsumers, Group: "flight-delays"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(layout.Close())
	// Output: <nil>
}

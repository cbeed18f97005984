package redis_test

import (
	"fmt"

	"github.com/fencepost/fencepost/connector/redis"
)

// Minutes of delay by origin, counted exactly once, in one hash.
func Example() {
	sink, err := redis.Open(redis.Config{
		Addr: "localhost:6379",
		Effects: []redis.Effect{{
			Op:    redis.HIncrBy,
			Key:   redis.Text("delays:{group}"),
			Name:  redis.Column("origin"),
			Value: redis.Column("delay"),
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	fmt.Println(sink.Capabilities().Name, sink.Capabilities().Records)
	// Output: redis 5000
}

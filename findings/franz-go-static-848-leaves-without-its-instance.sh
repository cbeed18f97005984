#!/usr/bin/env bash
# franz-go 1.22.3 (pkg/kgo) with Apache Kafka 4.3.1: a static member of a KIP-848 group cannot leave. Its goodbye is refused, its place stays taken
# until its session ends (45 s by default), and a member that comes back under its name at once is refused meanwhile.
#
# A static member leaves with epoch -2, and the broker wants its instance ID beside it; the client's last heartbeat has none.
#
# Seen: "leave: INVALID_REQUEST: ... InstanceId can't be null.", and "back: ... UNRELEASED_INSTANCE_ID: ..."
# Source: groupConsumer.leave848 of pkg/kgo/consumer_group_848.go, github.com/twmb/franz-go v1.22.3.
set -euo pipefail
cd "$(mktemp -d)"
broker=
end() {
	[ -z "$broker" ] || kill "$broker" 2> kill.log || true
	[ -z "$broker" ] || wait "$broker" 2> wait.log || true
	rm -rf "$PWD"
}
trap end EXIT
cat > pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=libs > mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat > server.properties <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:39092,CONTROLLER://127.0.0.1:39093
advertised.listeners=PLAINTEXT://127.0.0.1:39092
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:39093
offsets.topic.replication.factor=1
log.dirs=$PWD/logs
PROPERTIES
java -cp 'libs/*' kafka.tools.StorageTool format -t 4L6g3nShT-eMCtK--X86sw -c server.properties > format.log 2>&1 || { cat format.log; exit 1; }
java -cp 'libs/*' kafka.Kafka server.properties > broker.log 2>&1 &
broker=$!
cat > go.mod <<'MOD'
module finding
go 1.26
require (
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kadm v1.19.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// member joins the group under the name, and returns once partitions are assigned, or with the first error.
func member(ctx context.Context) (*kgo.Client, error) {
	assigned := make(chan bool, 1)
	cl, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:39092"), kgo.ConsumerGroup("g"), kgo.InstanceID("one"), kgo.ServerSideBalancer(), kgo.ConsumeTopics("t"),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			select {
			case assigned <- true:
			default:
			}
		}))
	must(err)
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		select {
		case <-assigned:
			return cl, nil
		default:
		}
		polling, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		err := cl.PollFetches(polling).Err0()
		stop()
		if ctx.Err() != nil {
			return cl, ctx.Err()
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return cl, err
		}
	}
}

func main() {
	ctx := context.Background()
	plain, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:39092"))
	must(err)
	for began := time.Now(); plain.Ping(ctx) != nil && time.Since(began) < 2*time.Minute; time.Sleep(time.Second) {
	}
	_, err = kadm.NewClient(plain).CreateTopic(ctx, 1, 1, nil, "t")
	must(err)
	first, err := member(ctx)
	must(err)
	fmt.Println("leave:", first.LeaveGroupContext(ctx))
	first.Close()
	_, err = member(ctx)
	fmt.Println("back:", err)
	os.Exit(0)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
out=$(go run .)
echo "$out"
grep -q "^leave: INVALID_REQUEST: .*InstanceId can't be null" <<< "$out"
grep -q '^back: .*UNRELEASED_INSTANCE_ID: ' <<< "$out"

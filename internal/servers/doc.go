// Package servers starts real servers for tests: Apache Kafka, Postgres (with PgBouncer), MariaDB,
// MySQL, Redis, ZooKeeper, a schema registry, Kafka Connect and Prometheus.
//
// A promise about crashes is worth what the server in its test is worth. A fake
// broker never loses the tail of a log and a mock database never forgets a
// commit, so every test of a law that crosses a network also runs here.
//
//	func TestMain(m *testing.M) { servers.Main(m) }
//
//	func TestCommit(t *testing.T) {
//		broker := servers.Kafka(t)                // shared
//		dsn := servers.Postgres(t).Database(t)    // shared server, own database
//		...
//	}
//
//	func TestCrash(t *testing.T) {
//		broker := servers.OwnKafka(t)             // for this test alone
//		broker.Kill()                             // SIGKILL
//		broker.Start()                            // same data
//	}
//
// Tests that use this package carry the build tag realservers. Without the tag
// they do not exist, with it they run or fail: nothing is ever skipped. What is
// missing on the machine ends the test with the remedy, `make servers`.
//
// # Shared and own
//
//	servers run -- go test ./...
//	  |-- Kafka      127.77.20.1 --+   FENCEPOST_TEST_KAFKA, ..._POSTGRES, ..._MARIADB, ..._REDIS
//	  |-- Postgres   127.77.20.2 --+--> every package's Kafka(t), Postgres(t), MariaDB(t), Redis(t)
//	  |-- MariaDB    127.77.20.3 --+
//	  |-- Redis      127.77.20.6 --|
//	  |-- ZooKeeper  127.77.20.7 --'   ZooKeeper(t), FENCEPOST_TEST_ZOOKEEPER
//	  `-- go test
//	       `-- one package's tests
//	            |-- OwnKafka(t)      127.77.20.4    one test, may be killed and frozen
//	            `-- OwnPostgres(t)   127.77.20.5
//
// Without the variables the package under test starts shared servers of its
// own at the first wish, and [Main] stops them. On a shared server names carry
// the isolation ([Name]), and no test disturbs another.
//
// # A schema registry, and what producers write
//
// [Registry] is Apicurio, shared within one package: few packages need one, so that `servers run` starts none. [RegistryServer.Serialize]
// runs the serializers of other programs against it, of Python, JavaScript and Java: their bytes, and the schemas that they register.
//
// # Kafka Connect
//
// [Connect] is a worker of Kafka Connect, shared within one package as well. [ConnectServer.Debezium] sends the changes of a Postgres or
// MySQL; [ConnectServer.Add] takes any connector that the worker has.
//
// # Prometheus
//
// [OwnPrometheus] scrapes what a test tells it to; [Promtool] checks pages and rules.
//
// # Newer servers
//
// FENCEPOST_TEST_NEWER=mysql,postgres,valkey puts servers of a newer suite of Debian in the place of the machine's
// ([EnvNewer]). Tests ask the server what it is where they have to know. [OwnMySQL] is that MySQL wherever it runs.
//
// # Laws
//
//  1. Every instance has its own address in 127.77.0.0/16 and its normal ports.
//     There is no race for a free port. Nothing listens or connects outside
//     127.0.0.0/8.
//  2. A server is a child of the process that started it, waited for, and killed by
//     the kernel when that process dies. Only children are ever signalled, by
//     process id: instances that belong to the machine are never touched.
//  3. A server is ready when it has answered as a test will ask. Nothing sleeps.
//  4. Two instances are two clusters: ids, certificates and data are their own.
//
// # How it fails
//
// A server that ends during its start fails the test with the end of its log.
// One that stays silent does so after 90 seconds. The log of a test's own server
// is shown when the test fails.
//
// A test binary that is killed leaves a folder fencepost-* for each server in the
// temporary directory, and for each Postgres a small System V segment (`ipcs -m`).
// The next one to start a server removes both. On systems other than Linux it
// leaves the servers too, and each address of 127.77.0.0/16 needs an alias first;
// that is untried.
//
// # What it does not do
//
// It starts one broker, not a cluster of three. Kafka 2.4.1, from before topic
// IDs, is never shared ([OwnKafka24]). It is no program for production:
// passwords are in the source.
package servers

# Quick loop: make check. Everything, on a fresh machine too: make test.

SERVERS := go run ./internal/servers/cmd/servers

# The packages that have tests of real servers; first the two that wait longest, so that neither is left for the end.
LONG = ./internal/scenarios/ ./internal/manual/
REAL = $(LONG) $(filter-out $(LONG),$(sort $(dir $(shell grep -rl --include=*_test.go '^//go:build realservers' . | grep -v /bench/))))

# Packages that start no goroutine: the race detector would only make them ten times slower.
ALONE = . ./ledger ./internal/arch ./internal/flights ./internal/foreign ./internal/foreign/offsetfile ./internal/screen ./internal/text

# The packages whose tests name a day of these years, and what a year is in them.
YEAR = \b20[23][0-9](?=-[0-9][0-9]-[0-9][0-9])|(?<=Date\()20[23][0-9]
DATED = $(shell git grep -lP '$(YEAR)' -- '*_test.go' '*/testdata/*' | sed -E 's,^,./,; s,/testdata/.*|/[^/]*$$,,' | sort -u)

# The race detector, but for SQLite, which is C made into Go: its memory is none of Go's, so the detector sees nothing of it and only
# makes it four times slower.
RACE = -race '-gcflags=modernc.org/...=-race=false'

# A program under the race detector sleeps a second at its end, unless it is told otherwise: each program that a test starts, too.
export GORACE = atexit_sleep_ms=10

.PHONY: check dead sim sim-bugs servers test newer calendar before bench bench-ledger bench-real bench-connect bench-show bench-takeover bench-presence bench-partitions chaos build release-build

# What needs no server. Tests that need one carry the build tag realservers. Four
# packages side by side, and four tests of each: most of them wait for a broker or a process.
check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "gofmt -w these files:"; echo "$$unformatted"; exit 1; fi
	@echo "make check: vet, then the tests without servers. What is not in the build cache is compiled on the way: all of it, with and"
	@echo "without the race detector, took 2 quiet cores 6 minutes; with a warm cache the whole took 1.6 (GOFLAGS=-count=1)."
	go vet ./...
	go vet -tags realservers ./...
	@command -v $${CC:-gcc} >/dev/null || { echo "the race detector needs gcc: run make servers"; exit 1; }
	@! grep -nE '^[[:space:]]*go [a-z]|[.]Go[(]' $(addsuffix /*.go,$(ALONE)) || { echo "it starts a goroutine: take its package out of ALONE"; exit 1; }
	go test $(ALONE)
	go test $(RACE) -p 4 -parallel 4 $$(go list ./... | grep -vxF "$$(go list $(ALONE))")

# Functions that no program reaches. All of each program is analysed, its drivers too: with a warm cache some 20 s of CPU, and 2.4 GiB.
dead:
	@unreached=$$(go tool deadcode ./cmd/... ./examples/...) || exit 1; if [ -n "$$unreached" ]; then \
		echo "no program reaches these: delete them, or take them to the tests that call them"; echo "$$unreached"; exit 1; fi

# Workers, brokers and a database in one program, and everything goes wrong by a seed: make sim SEEDS=300, make sim FROM=17 SEEDS=1. The first time
# the standard library is compiled once more: 70 s of CPU; 300 seeds take half a minute. ONLY=-exact: what comes late is no failure; ONLY=-clients: with what the Kafka clients say.
SEEDS = 300
FROM = 0
ONLY =
sim:
	go run ./internal/simulation/cmd/simulate -from $(FROM) -seeds $(SEEDS) $(ONLY)

# Whether the simulation finds the bugs of a list, each planted by itself: about an hour of a busy machine.
sim-bugs:
	go run ./internal/simulation/cmd/simulate -bugs internal/simulation/bugs.txt -seeds 200

# Installs what real servers need; silent and quick where it is there already.
servers:
	@$(SERVERS) install

# Installs first: check needs gcc. Then what needs real servers, two packages side by side: they share
# the servers of the run, and half of the time they wait for some of their own.
test: servers
	$(MAKE) check
	$(MAKE) dead
	$(MAKE) sim ONLY=-exact
	$(SERVERS) run -- go test $(RACE) -tags realservers -count=1 -p 2 -timeout 30m $(REAL)
	$(MAKE) newer

# The tests of the connectors once more, on the newest servers: each package starts those that the variable names. Without the race
# detector, which has seen the same code in make test.
newer: servers
	FENCEPOST_TEST_NEWER=mysql,postgres,pgbouncer,redis go test -tags realservers -count=1 -p 3 -timeout 25m ./connector/mysql ./connector/postgres ./connector/redis
	FENCEPOST_TEST_NEWER=mariadb,valkey go test -tags realservers -count=1 -p 2 -timeout 25m ./connector/mysql ./connector/redis

# The same tests on other days: in a copy of the tree every date is a year earlier, and then a year later.
BY = -1 +1
calendar: servers
	set -e; for by in $(BY); do \
		copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
		git ls-files -z | xargs -0 cp --parents -t "$$copy"; \
		grep -rlPZ '$(YEAR)' "$$copy" | xargs -0 perl -pi -e 's/$(YEAR)/$$& '$$by'/ge'; \
		cp -r .servers "$$copy"; \
		(cd "$$copy"; $(SERVERS) install; $(SERVERS) run -- go test -tags realservers -count=1 -p 1 -timeout 60m $(DATED)); \
		rm -rf "$$copy"; \
	done

# Ledgers of each store that go between the program of another revision and this one: make before BEFORE=REVISION
before: servers
	set -e; tmp=$$(mktemp -d); trap 'git worktree remove --force "$$tmp/tree"; rm -rf "$$tmp"' EXIT; \
		git worktree add --quiet --detach "$$tmp/tree" $(BEFORE); \
		(cd "$$tmp/tree" && CGO_ENABLED=0 go build -o "$$tmp/before" ./cmd/fencepost); \
		FENCEPOST_BEFORE="$$tmp/before" $(SERVERS) run -- go test -tags 'realservers before' -count=1 -run TestLedgersOfTheBuildBefore -timeout 30m ./internal/manual

# Ratios to the limit of what it is built on, with the goals beside them.
bench: servers
	$(SERVERS) run -- go test -run='^$$' -bench='^(BenchmarkEngine|BenchmarkAppend|BenchmarkPackedMemory|BenchmarkMetrics|BenchmarkScrape)$$' -benchtime=2s -tags realservers -p 1 -timeout 30m ./bench ./connector/postgres ./connector/mysql ./connector/sqlite

# A ledger's commit beside the barest compare-and-set of its store, and one write a partition.
bench-ledger: servers
	$(SERVERS) run -- go test -run='^$$' -bench='^BenchmarkLedger$$' -benchtime=2s -tags realservers -p 1 -timeout 30m ./connector/postgres ./connector/mysql ./connector/sqlite ./connector/redis ./connector/zookeeper

# Whole processes on Apache Kafka and Postgres: about ten minutes.
bench-real: servers
	$(SERVERS) run -- go test -run='^$$' -bench='^Benchmark(KafkaToPostgres|Memory|FirstCommit|Visible)$$' -benchtime=1x -tags realservers -p 1 -timeout 60m ./bench

# From Avro beside JSON, and beside Kafka Connect with Debezium's JDBC sink: about five minutes.
bench-connect: servers
	$(SERVERS) run -- go test -run='^$$' -bench='^BenchmarkKafkaConnect$$' -benchtime=1x -tags realservers -p 1 -timeout 30m ./bench

# offsets show of 10,000 partitions beside kafka-consumer-groups, on one broker.
bench-show: servers
	$(SERVERS) run -- go test -run='^$$' -bench='^BenchmarkShow$$' -benchtime=1x -tags realservers -p 1 -timeout 30m ./bench

# From the end of a worker to the first commit of its partitions by another, and by itself, beside the plain program and Kafka Connect: 25 minutes.
bench-takeover: servers
	$(SERVERS) run -- go test -run='^$$' -bench='^Benchmark(Takeover|StaticRestart|TakeoverOfThePlain|TakeoverOfConnect)$$' -benchtime=1x -tags realservers -p 1 -timeout 60m ./bench

# What eight workers cost on 100 and on 1,000 partitions, counted on the wires, and what signs of life cost on the way of records: 15 minutes.
bench-presence: servers
	$(SERVERS) run -- go test -run='^$$' -bench='^BenchmarkPresence(Throughput)?$$' -benchtime=1x -tags realservers -p 1 -timeout 60m ./bench

# The engine's time for 100 to 10,000 partitions beside that of another revision: make bench-partitions BEFORE=REVISION
bench-partitions:
	bench/partitions.sh $(BEFORE)

# What a release is made of, for each system: what .goreleaser.yaml names (TestReleasesAreBuilt).
RELEASES = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
release-build:
	set -e; for target in $(RELEASES); do echo $$target; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build -trimpath -o bin/$$target/ ./cmd/fencepost; \
	done

# Faults by a seed at a pipeline on brokers and a store of its own, and every invariant afterwards: docs/reliability.md.
# STORE is postgres, mariadb, redis or sqlite; BROKERS=3 is a cluster with replication 3; KILLS=200 is so many SIGKILLs, and nothing else.
# KILLS=2000 RECORDS=20000000 RACE= is half an hour; the race detector would make the reading of so many records ten times slower.
SEED = 1
MINUTES = 1
STORE = postgres
BROKERS = 1
KILLS = 0
RECORDS = 0
chaos: servers
	FENCEPOST_CHAOS_SEED=$(SEED) FENCEPOST_CHAOS_MINUTES=$(MINUTES) FENCEPOST_CHAOS_STORE=$(STORE) FENCEPOST_CHAOS_BROKERS=$(BROKERS) FENCEPOST_CHAOS_KILLS=$(KILLS) \
		FENCEPOST_CHAOS_RECORDS=$(RECORDS) \
		go test $(RACE) -tags realservers -count=1 -v -timeout 24h -run '^TestChaos$$' ./internal/scenarios

build:
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

#!/bin/sh
# The engine's time for many partitions at another revision and in this tree, side by side. Each runs its own benchmark file,
# or that of this tree where it has none, in turn, and each figure is the median of three:
#
#	bench/partitions.sh REVISION
set -eu
before=${1:?which revision is the one before}
top=$(git rev-parse --show-toplevel)
tmp=$(mktemp -d)
trap 'git -C "$top" worktree remove --force "$tmp/tree"; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
git -C "$top" worktree add --quiet --detach "$tmp/tree" "$before"
[ -f "$tmp/tree/engine/partitions_bench_test.go" ] || cp "$top/engine/partitions_bench_test.go" "$tmp/tree/engine/"
(cd "$tmp/tree" && go test -c -o "$tmp/before" ./engine)
(cd "$top" && go test -c -o "$tmp/now" ./engine)
one() { # SIDE BENCHMARK TIMES
	(cd "$top/engine" && "$tmp/$1" -test.run '^$' -test.bench "^$2\$" -test.benchtime "$3") |
		awk -v side="$1" '/^Benchmark/ { for (i = 3; i < NF; i += 2) print $1, $(i + 1), side, $i }'
}
for _ in 1 2 3; do
	for side in before now; do
		one $side BenchmarkPartitions 10x
		one $side BenchmarkAssign 1x # ten seconds each where it is quadratic
	done
done | sort -k1,1 -k2,2 -k3,3 -k4,4g | awk -v rev="$before" '
	function median(k, n) { n = split(all[k], v, " "); return v[int((n + 1) / 2)] }
	{ line = $1 " " $2; if (!(line in seen)) { seen[line]; order[++lines] = line } all[line " " $3] = all[line " " $3] " " $4 }
	END {
		printf "%-40s %-24s %12s %12s\n", "", "", rev, "this tree"
		for (i = 1; i <= lines; i++) {
			split(order[i], name, " ")
			printf "%-40s %-24s %12.3f %12.3f\n", name[1], name[2], median(order[i] " before"), median(order[i] " now")
		}
	}'

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Builds the fuzz targets and runs each for a time.
#
#   tests/fuzz/run.sh [SECONDS [TARGET…]]     60 seconds each, all targets, unless told
#
# The target "mutants" is no such program: 2,000 damaged ELF files (MUTANTS) for the reader of
# symbols and of what to probe, and their sandboxes, of a seed (SEED) that is told.
#
# A target is tests/fuzz/NAME_fuzz.c. Its comment names what it is linked with, in lines
# "fuzz sources: FILE…" (DIR/ for all .c files in it), libraries in "fuzz libs: -lNAME…", and
# where there are some its first inputs, "fuzz seeds: FILE…".
# A finding is left in build-fuzz/NAME_fuzz/ and ends the run with status 1.
set -u
cd "$(dirname "$0")/../.." || exit 1

seconds=${1:-60}
shift
CLANG=${CLANG:-clang}
out=${O:-build-fuzz}
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0
flags=(-O1 -g -std=gnu11 -Iuser -I. -D_GNU_SOURCE '-DHL_VERSION="0"' -fno-omit-frame-pointer
       -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)

# The words behind "fuzz KEY:" in a target's comment, file patterns expanded.
words() {
	# shellcheck disable=SC2046
	printf '%s\n' $(sed -n "s/^ \* fuzz $2: //p" "$1" | sed -E 's,/( |$),/*.c\1,g')
}

run_target() {
	local src=$1 name dir seeds status count
	name=$(basename "$src" .c)
	dir=$out/$name
	mkdir -p "$dir/corpus"
	# shellcheck disable=SC2046
	mapfile -t sources < <(words "$src" sources)
	if ! "$CLANG" "${flags[@]}" "$src" "${sources[@]}" $(words "$src" libs) -o "$dir/run" 2> "$dir/build.log"; then
		cat "$dir/build.log"
		echo "not ok $name: does not build (clang and libclang-rt-14-dev are needed)"
		return 1
	fi
	# as they are, and behind each value of a first byte that picks a mode
	for seed in $(words "$src" seeds); do
		[ -f "$seed" ] || continue
		cp "$seed" "$dir/corpus/seed-$(basename "$seed")"
		for mode in 0 1 2 3; do
			{ printf "\\x$mode"; cat "$seed"; } > "$dir/corpus/seed-$mode-$(basename "$seed")"
		done
	done
	"$dir/run" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$dir/" "$dir/corpus" > "$dir/run.log" 2>&1
	status=$?
	count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/run.log")
	if [ $status -ne 0 ]; then
		tail -n 40 "$dir/run.log"
		echo "not ok $name: finding in $dir, see $dir/run.log"
		return 1
	fi
	echo "ok $name: ${count:-?} executions in $seconds s"
}

run_mutants() {
	local seed=${SEED:-$RANDOM} log=$out/mutants.log
	mkdir -p "$out"
	if ! make -s SAN=1 unit > "$log" 2>&1 ||
		! HOSTLAT_MUTANTS=${MUTANTS:-2000} HOSTLAT_SEED=$seed build-san/unit sym_hostile_mutants >> "$log" 2>&1 ||
		! HOSTLAT_MUTANTS=${MUTANTS:-2000} HOSTLAT_SEED=$seed build-san/unit sym_find_hostile_mutants >> "$log" 2>&1; then
		tail -n 20 "$log"
		echo "not ok mutants: of seed $seed, see $log"
		return 1
	fi
	sed -n "s/^# \(.* mutants.*\)/ok mutants: \1, seed $seed/p" "$log"
}

failed=0
for src in tests/fuzz/*_fuzz.c; do
	[ $# -eq 0 ] || [[ " $* " == *" $(basename "$src" .c) "* ]] || continue
	run_target "$src" || failed=1
done
if [ $# -eq 0 ] || [[ " $* " == *" mutants "* ]]; then
	run_mutants || failed=1
fi
exit $failed

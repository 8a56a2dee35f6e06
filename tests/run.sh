#!/bin/bash
# All tests: builds with both compilers, unit and screen tests under sanitizers, the command
# line, the live kernel, another kernel in a guest. Each suite prints "ok NAME" and "not ok
# NAME" lines; a suite that dies without one counts as a failure. The last line is the sum.
#
#   tests/run.sh [SUITE…]    only these: build house unit cli live vm
cd "$(dirname "$0")/.." || exit 1

log=build/test
mkdir -p $log
rm -f $log/failed
passed=0
failed=0
wanted="${*:-build house unit cli live vm}"

count() { # name, file, exit status
	local ok not
	ok=$(grep -c '^ok ' "$2")
	not=$(grep -c '^not ok ' "$2")
	if [ "$3" != 0 ] && [ "$not" = 0 ]; then
		echo "not ok $1 ended with status $3:" | tee -a $log/failed
		tail -n 15 "$2" | sed 's/^/# /'
		not=1
	elif [ "$ok" = 0 ] && [ "$not" = 0 ]; then
		echo "not ok $1 tested nothing" | tee -a $log/failed
		not=1
	fi
	passed=$((passed + ok))
	failed=$((failed + not))
	grep '^not ok ' "$2" >>$log/failed
}

suite() { # name, seconds, command…
	local name=$1 limit=$2 out=$log/$1.log begin=$SECONDS
	shift 2
	timeout -k 10 "$limit" "$@" >"$out" 2>&1 </dev/null
	local status=$?
	grep -E '^(ok|not ok|#) ' "$out"
	count "$name" "$out" $status
	echo "# $name: $((SECONDS - begin)) s"
}

compiles() { # name, make arguments: without a single warning
	local name=$1 out
	shift
	if out=$(make -j2 "$@" 2>&1) && ! grep -q -E 'warning:|error:' <<<"$out"; then
		echo "ok $name"
	else
		grep -E -A3 'warning:|error:|Error' <<<"$out" | head -n 20 | sed 's/^/# /'
		echo "not ok $name"
		return 1
	fi
}

build() {
	compiles "build with gcc" all work chain
	compiles "build with clang" CC=clang O=build-clang all
	compiles "build with sanitizers" SAN=1 all unit
	compiles "static build" STATIC=1 all
}


scripts() { # directory: each file of it is a suite of its own
	local f
	for f in tests/"$1"/*.py tests/"$1"/*.sh; do
		[ -x "$f" ] || continue
		suite "$1-$(basename "$f" | sed 's/\..*//')" 420 "$f"
	done
}

# What the kernel had to say meanwhile: a tracer makes it complain of nothing.
kernel_log() {
	local mark="hostlat tests begin $$ $EPOCHREALTIME" said
	case $1 in
	begin) log_mark=$mark; echo "$mark" >/dev/kmsg 2>/dev/null || log_mark= ;;
	end)
		[ -n "$log_mark" ] || return 0
		said=$(dmesg 2>/dev/null | sed "1,/$log_mark/d" | grep -v ' traps: ' | \
			grep -E 'BUG:|WARNING:|Oops|UBSAN|general protection|scheduling while atomic') # traps: a program's own fault
		if [ -z "$said" ]; then
			echo "ok the kernel has nothing to complain of"
			passed=$((passed + 1))
		else
			head -n 20 <<<"$said" | sed 's/^/# /'
			echo "not ok the kernel complains" | tee -a $log/failed
			failed=$((failed + 1))
		fi
	esac
}

kernel_log begin
for s in $wanted; do
	case $s in
	build) build >$log/build.log 2>&1; status=$?; cat $log/build.log; count build $log/build.log $status ;;
	house) suite layers 60 tools/check-layers.sh; suite sizes 60 tools/check-size.sh ;;
	unit) suite unit 300 bash -c 'UBSAN_OPTIONS=print_stacktrace=1 build-san/unit' ;;
	cli) scripts cli ;;
	live) suite chain 300 tests/chain/check.py; scripts bpf ;;
	vm) suite vm 600 tests/vm/run.py ;;
	*) echo "no such suite: $s"; exit 2 ;;
	esac
done
kernel_log end
[ ! -s $log/failed ] || sed 's/^/# /' $log/failed # once more: who sees the end of the output sees what failed
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

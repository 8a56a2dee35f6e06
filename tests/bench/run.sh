#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# What hostlat costs, beside the smallest programs that do its job and beside other tracers,
# each figure from one interleaved run. Not a test: the status is 0 unless a measurement
# could not be made. `tests/bench/run.sh --help` lists the tables and the options.
cd "$(dirname "$0")/../.." || exit 1

O=${O:-build}
out=$O/bench
CLANG=${CLANG:-clang}
BPFTOOL=${BPFTOOL:-$(command -v bpftool || echo /usr/sbin/bpftool)}
arch=$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
warn=(-Wall -Wextra -Wno-unused-parameter)
cflags=(-O2 -g -std=gnu11 -D_GNU_SOURCE "${warn[@]}" -Wshadow -I. "-I$out")

build() {
	mkdir -p "$out" &&
	"$CLANG" -O2 -g "${warn[@]}" -mcpu=v3 -target bpf "-D__TARGET_ARCH_$arch" "-Ivmlinux/$arch" -I. \
		-c tests/bench/floor.bpf.c -o "$out/floor.bpf.tmp" &&
	"$BPFTOOL" gen object "$out/floor.bpf.o" "$out/floor.bpf.tmp" &&
	"$BPFTOOL" gen skeleton "$out/floor.bpf.o" name floor_bpf > "$out/floor.skel.h" &&
	gcc "${cflags[@]}" tests/bench/floor.c -o "$out/floor" -lbpf -lelf -lz &&
	gcc "${cflags[@]}" tests/bench/loop.c -o "$out/loop" &&
	gcc "${cflags[@]}" -pthread tests/bench/slow.c -o "$out/slow"
}

for arg; do
	case $arg in
	-h | --help) exec python3 tests/bench/bench.py --help ;;
	esac
done
if [ ! -x "$O/hostlat" ] || [ ! -x "$O/work" ]; then
	echo "bench: $O/hostlat and $O/work are missing: make bench builds them"
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "bench: only root may trace: sudo make bench"
	exit 1
fi
build || exit 1
exec python3 tests/bench/bench.py --build "$O" "$@"
